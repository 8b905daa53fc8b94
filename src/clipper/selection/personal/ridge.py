"""Bayesian ridge regression, one observation at a time: O(d²) each, however many there have been (Sherman–Morrison).

The belief about the weights is normal: a mean, and a spread (its covariance, in units of the noise). Both are kept as
the bytes of little-endian doubles, so that a state is stored as it is.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Vector: TypeAlias = npt.NDArray[np.float64]

Belief: TypeAlias = dict[str, Any]
"""`mean`: d doubles; `spread`: d × d doubles."""

LARGEST_FEATURE = 1e6
"""Features and targets beyond are taken as this, so that squares of sums stay exact enough."""


def prior(mean: Vector, precision: float) -> Belief:
    """The belief before any observation: `precision` observations' worth of certainty that the weights are `mean`."""
    return belief(mean, np.eye(len(mean)) / precision)


def belief(mean: Vector, spread: Vector) -> Belief:
    """A mean and a spread as they are kept."""
    return {"mean": mean.astype("<f8").tobytes(), "spread": spread.astype("<f8").tobytes()}


def mean_of(kept: Belief) -> Vector:
    """The mean of the weights, d doubles."""
    return np.frombuffer(kept["mean"], "<f8")


def spread_of(kept: Belief) -> Vector:
    """The covariance of the weights, d × d doubles."""
    flat = np.frombuffer(kept["spread"], "<f8")
    size = len(kept["mean"]) // 8
    return flat.reshape(size, size)


def updated(kept: Belief, features: Vector, target: float) -> Belief:
    """The belief after `target` was observed where the features were `features`, as `bounded` makes them."""
    mean, spread = mean_of(kept), spread_of(kept)
    reach = spread.dot(features)
    surprise = 1.0 + max(0.0, float(features.dot(reach)))
    error = min(LARGEST_FEATURE, max(-LARGEST_FEATURE, target)) - float(features.dot(mean))
    change = reach[:, None] * (reach / surprise)
    return {
        "mean": (mean + reach * (error / surprise)).tobytes(),
        "spread": np.subtract(spread, change, out=change).tobytes(),
    }


def predicted(kept: Belief, features: Vector) -> float:
    """The expected target."""
    return float(features @ mean_of(kept))


def variance(kept: Belief, features: Vector) -> float:
    """How uncertain that expectation is, in units of the noise's variance."""
    return max(0.0, float(features @ spread_of(kept) @ features))


def grown(kept: Belief, more: Vector, precision: float) -> Belief:
    """The belief with more weights, about which nothing is known but that they are expected to be `more`."""
    size, added = len(kept["mean"]) // 8, len(more)
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
