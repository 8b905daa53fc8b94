"""Intervals. Pure: randomness has a fixed seed, so that a result can be made again from the same observations."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from experiments.lib.finding import Measured

CONFIDENCE = 0.95
RESAMPLES = 2000

Values = Sequence[float] | NDArray[np.float64]


def mean(values: Values) -> Measured:
    """With Student's interval; without one for a single value."""
    observed = np.asarray(values, np.float64)
    middle = float(observed.mean())
    if len(observed) < 2:
        return Measured(middle)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(observed) - 1) * observed.std(ddof=1) / np.sqrt(len(observed)))
    return Measured(middle, middle - reach, middle + reach)


def share(true: int, total: int) -> Measured:
    """A proportion with Wilson's interval."""
    found = stats.binomtest(true, total).proportion_ci(CONFIDENCE, "wilson")
    return Measured(true / total, float(found.low), float(found.high))


def difference(ours: Values, theirs: Values) -> Measured:
    """The mean of paired differences, with Student's interval."""
    return mean(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))


def ratio(ours: Values, theirs: Values) -> Measured:
    """The ratio of means of paired observations, with a bootstrap interval; without one for a single pair."""
    above, below = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    value = float(above.mean() / below.mean())
    if len(above) < 2:
        return Measured(value)
    chosen = np.random.default_rng(0).integers(0, len(above), (RESAMPLES, len(above)))
    found = above[chosen].mean(axis=1) / below[chosen].mean(axis=1)
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Measured(value, float(low), float(high))


def quantile(values: Values, wanted: float) -> Measured:
    """A quantile with the interval of its order statistics (a binomial's)."""
    ordered = np.sort(np.asarray(values, np.float64))
    count = len(ordered)
    low, high = stats.binom.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], count, wanted).astype(int)
    return Measured(
        float(np.quantile(ordered, wanted, method="higher")), float(ordered[low]), float(ordered[min(high, count - 1)])
    )
