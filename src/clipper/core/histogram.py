"""Counting values into fixed buckets, cheap enough for every query; the edges export them."""

from bisect import bisect_left
from collections.abc import Sequence
from math import inf

LATENCY_BOUNDS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008, 0.010, 0.012, 0.015, 0.020),
    *(0.025, 0.030, 0.040, 0.060, 0.080, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Dense around the usual objectives of 10 to 100 ms."""

BATCH_SIZE_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384, 65536)


class Histogram:
    """Counts per bucket (upper bounds inclusive, one more bucket above the last) and the sum of all values."""

    __slots__ = ("_above", "_last", "_up_to", "bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = LATENCY_BOUNDS_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self._last = 0  # the bucket of the last value: that of the next one too, more often than not
        self._above = self._up_to = inf

    def observe(self, value: float) -> None:
        """Count `value`."""
        if not self._above < value <= self._up_to:
            self._find(value)
        self.counts[self._last] += 1
        self.total += value

    def observe_many(self, value: float, times: int) -> None:
        """Count `value` as often as it was seen."""
        self._find(value)
        self.counts[self._last] += times
        self.total += value * times

    @property
    def count(self) -> int:
        """How many values were counted."""
        return sum(self.counts)

    def _find(self, value: float) -> None:
        bounds = self.bounds
        bucket = self._last = bisect_left(bounds, value)
        self._above = bounds[bucket - 1] if bucket else -inf
        self._up_to = bounds[bucket] if bucket < len(bounds) else inf
