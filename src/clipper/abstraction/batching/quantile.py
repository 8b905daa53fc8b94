"""Quantile regression of latency on batch size (paper §4.3.2)."""

from typing import Final

import numpy as np

from clipper.abstraction.batching.bounded import Bounded
from clipper.abstraction.batching.controller import budget_s
from clipper.wire.batches import MAX_BATCH

QUANTILE: Final = 0.99
"""«the 99th-percentile latency as a function of batch size», paper §4.3.2."""

WINDOW: Final = 256
"""Newest batches that the line is fitted to."""

REFIT_BATCHES: Final = 32
"""Between two fits, each of which takes about half a millisecond."""

SWEEPS: Final = 25
"""Of the reweighted least squares; the line moves by less than 1 % after that."""

ENOUGH_SPAN: Final = 1.5
"""Between the smallest and the largest batch of the window; below it a line has no slope worth the name."""


class Quantile(Bounded):
    """The size at which the 99th percentile of the latency, a line in the size, meets the budget."""

    def __init__(self, objective_s: float) -> None:
        super().__init__()
        self._budget_s = budget_s(objective_s)
        self._sizes = np.zeros(WINDOW)
        self._times = np.zeros(WINDOW)
        self._count = 0
        self._bound = 1
        self._fitted = False

    def limit(self, slack_s: float) -> int:
        """The present bound, whatever the slack."""
        return self._bound

    def plan(self) -> tuple[int, float]:
        """By the present bound."""
        return self._latency.plan(self._bound)

    def observe(self, size: int, compute_s: float) -> None:
        """Keep the pair; double until the budget is passed or the first line is there, then follow the line."""
        self._latency.observe(size, compute_s)
        place = self._count % WINDOW
        self._sizes[place] = size
        self._times[place] = compute_s
        self._count += 1
        if not self._fitted and compute_s <= self._budget_s and size >= self._bound:
            self._bound = min(MAX_BATCH, 2 * self._bound)
        elif not self._fitted and compute_s > self._budget_s:
            self._fitted = True
            self._bound = max(1, min(self._bound, size) // 2)
        if self._count % REFIT_BATCHES == 0:
            self._fitted = True
            self._bound = self._fit()

    def retarget(self, objective_s: float) -> None:
        """The next fit finds the bound."""
        self._budget_s = budget_s(objective_s)

    def _fit(self) -> int:
        sizes = self._sizes[: self._count]
        times = self._times[: self._count]
        largest = float(sizes.max())
        if largest < ENOUGH_SPAN * float(sizes.min()):
            fixed_s, each_s = 0.0, float(np.quantile(times / sizes, QUANTILE))
        else:
            fixed_s, each_s = quantile_line(sizes, times)
        room_s = self._budget_s - fixed_s
        most = 2 * largest  # a line is not trusted far beyond what it was fitted to
        if room_s <= 0:
            return 1
        bound = room_s / each_s if each_s * most > room_s else most
        return int(min(max(bound, 1.0), most, MAX_BATCH))


def quantile_line(sizes: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """(intercept, slope) that minimise the pinball loss at QUANTILE, by iteratively reweighted least squares."""
    fixed_s, each_s = 0.0, float(np.max(times / sizes))
    nearest = 1e-4 * float(times.mean()) + 1e-12
    for _ in range(SWEEPS):
        over = times - fixed_s - each_s * sizes
        weights = np.where(over > 0, QUANTILE, 1 - QUANTILE) / np.maximum(np.abs(over), nearest)
        total = float(weights.sum())
        size = float(weights @ sizes) / total
        time = float(weights @ times) / total
        away = sizes - size
        each_s = max(0.0, float((weights * away) @ (times - time)) / max(float((weights * away) @ away), 1e-30))
        fixed_s = time - each_s * size
    return fixed_s, each_s
