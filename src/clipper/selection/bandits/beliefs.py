"""The probability that each of several Beta-distributed means is the greatest: what Thompson sampling chooses by."""

from collections.abc import Sequence
from functools import lru_cache
from math import lgamma, sqrt

import numpy as np

GRID = 96
"""Points of the numerical integral: a choice is made with the probabilities it gives, so its error biases nothing."""

SPREADS = 6.0
"""How many standard deviations around a mean are looked at."""

SMALLEST_SHARE = 1e-6
"""So that no propensity is zero."""


@lru_cache(maxsize=4096)
def chances(beliefs: tuple[tuple[float, float], ...]) -> list[float]:
    """For Beta(right + 1, wrong + 1) of each (right, wrong), the probability of being the greatest."""
    if len(beliefs) == 1:
        return [1.0]
    low, high = _region(beliefs)
    points = low + (high - low) * (np.arange(GRID) + 0.5) / GRID
    right = np.array([[each[0]] for each in beliefs])
    wrong = np.array([[each[1]] for each in beliefs])
    scale = np.array([[lgamma(a + b + 2.0) - lgamma(a + 1.0) - lgamma(b + 1.0)] for a, b in beliefs])
    density = np.exp(scale + right * np.log(points) + wrong * np.log1p(-points)) * ((high - low) / GRID)
    above = np.cumsum(density[:, ::-1], axis=1)[:, ::-1] - 0.5 * density
    below = np.clip(1.0 - above, 1e-12, 1.0)
    wins = density * np.exp(np.log(below).sum(axis=0) - np.log(below))
    return _normalised(wins.sum(axis=1).tolist())


def _region(beliefs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where the greatest of the means is, nearly certainly."""
    ends = []
    for right, wrong in beliefs:
        count = right + wrong + 2.0
        mean = (right + 1.0) / count
        spread = SPREADS * sqrt(mean * (1.0 - mean) / (count + 1.0))
        ends.append((mean - spread, mean + spread))
    return max(0.0, *[low for low, _ in ends]), min(1.0, max([high for _, high in ends]))


def _normalised(chances: list[float]) -> list[float]:
    floored = [max(each, SMALLEST_SHARE) for each in chances]
    total = sum(floored)
    return [each / total for each in floored]
