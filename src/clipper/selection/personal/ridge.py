"""Bayesian ridge regression, one observation at a time: O(d²) each, however many there have been (Sherman–Morrison).

The belief about the weights is normal: a mean, and a spread (its covariance, in units of the noise). Both are kept in
one table, the bytes of little-endian doubles, so that a state is stored as it is and one product updates them together.
"""

from math import isqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Vector: TypeAlias = npt.NDArray[np.float64]

Belief: TypeAlias = dict[str, Any]
"""`table`: d × (d + 1) doubles, the spread with the mean as its last column."""

LARGEST_FEATURE = 1e6
"""Features and targets beyond are taken as this, so that squares of sums stay exact enough."""

_DOUBLE = np.dtype("<f8")


def prior(mean: Vector, precision: float) -> Belief:
    """The belief before any observation: `precision` observations' worth of certainty that the weights are `mean`."""
    return belief(mean, np.eye(len(mean)) / precision)


def belief(mean: Vector, spread: Vector) -> Belief:
    """A mean and a spread as they are kept."""
    return {"table": np.column_stack([spread, mean]).astype(_DOUBLE).tobytes()}


def size_of(kept: Belief) -> int:
    """How many weights there are."""
    return isqrt(len(kept["table"]) // _DOUBLE.itemsize)


def mean_of(kept: Belief) -> Vector:
    """The mean of the weights, d doubles."""
    return _table(kept)[:, -1]


def spread_of(kept: Belief) -> Vector:
    """The covariance of the weights, d × d doubles."""
    return _table(kept)[:, :-1]


def updated(kept: Belief, features: Vector, target: float) -> Belief:
    """The belief after `target` was observed where the features were `features`, as `bounded` makes them.

    With the features x, what they reach is Sx, and what is expected is m·x: both from one product with the table. What
    the observation takes from the spread is Sx(Sx)ᵀ/s, and from the mean Sx(m·x - target)/s, where s is 1 + x·Sx: one
    column times one row, which is that product with its last number changed. With ten features a call costs more than
    its arithmetic, so there are few.
    """
    table = _table(kept)
    row = features.dot(table)
    reach = row[:-1]
    surprise = 1.0 + max(0.0, float(reach.dot(features)))
    row[-1] -= min(LARGEST_FEATURE, max(-LARGEST_FEATURE, target))
    change = (reach / surprise)[:, None] * row
    return {"table": np.subtract(table, change, change).tobytes()}


def predicted(kept: Belief, features: Vector) -> float:
    """The expected target."""
    return float(features @ mean_of(kept))


def variance(kept: Belief, features: Vector) -> float:
    """How uncertain that expectation is, in units of the noise's variance."""
    return max(0.0, float(features @ spread_of(kept) @ features))


def drawn(kept: Belief, deviations: float, seed: int) -> Vector:
    """Weights drawn from the belief, its standard deviations being that many times as large (0: the mean)."""
    mean = mean_of(kept)
    if deviations <= 0.0:
        return mean
    noise = np.random.default_rng(seed).standard_normal(len(mean))
    return mean + deviations * (_root(spread_of(kept)) @ noise)


def _root(spread: Vector) -> Vector:
    """A matrix whose product with its transpose is the spread: 0.2 ms for 100 weights, 8 ms for 512."""
    try:
        return np.linalg.cholesky(spread).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:  # so certain of something that rounding has left less than nothing of it
        values, directions = np.linalg.eigh(spread)
        root: Vector = directions * np.sqrt(np.maximum(values, 0.0))
        return root


def _table(kept: Belief) -> Vector:
    size = size_of(kept)
    return np.ndarray((size, size + 1), _DOUBLE, kept["table"])


def grown(kept: Belief, more: Vector, precision: float) -> Belief:
    """The belief with more weights, about which nothing is known but that they are expected to be `more`."""
    size, added = size_of(kept), len(more)
    spread = np.zeros((size + added, size + added))
    spread[:size, :size] = spread_of(kept)
    spread[size:, size:] = np.eye(added) / precision
    return belief(np.concatenate([mean_of(kept), more]), spread)


def bounded(values: Vector) -> Vector:
    """Features to calculate with: what is not a number becomes 0, what is too large the largest."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest <= LARGEST_FEATURE:  # as mostly, and never so if one of them is not a number
        return values
    return np.clip(np.nan_to_num(values, nan=0.0), -LARGEST_FEATURE, LARGEST_FEATURE)
