"""What became of the queries of a run, and what that says about an objective. Pure."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from clipper.cli.bench.arrivals import Times

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
BARS_PER_DOUBLING = 2
"""Of the histogram: its bounds are a factor of the square root of two apart."""


class Kind(IntEnum):
    """How a query ended."""

    LOST = 0
    ANSWERED = 1
    DEFAULT = 2
    ERROR = 3


@dataclass(frozen=True)
class Outcome:
    """A run in numbers.

    Attributes:
        sent: queries that were due.
        seconds: from the first to the last reply's end.
        per_second: replies.
        good: the share answered by a model within the objective.
        slo_ms: that objective.
        defaults: answered with the default output.
        errors: answered with an error status.
        lost: never answered.
        latency_ms: quantiles of all replies, from the moment each was due.
        late_ms: how far the generator itself was behind its schedule (99 %); 0 for a closed loop.
    """

    sent: int
    seconds: float
    per_second: float
    good: float
    slo_ms: float
    defaults: int
    errors: int
    lost: int
    latency_ms: dict[str, float]
    late_ms: float


@dataclass(frozen=True)
class Record:
    """One entry per query, in seconds from the start. `done` is NaN for what was lost."""

    due: Times
    left: Times
    done: Times
    kind: NDArray[np.int8]

    @property
    def latency_ms(self) -> Times:
        """Of what was answered, from the moment it was due."""
        return (self.done - self.due)[~np.isnan(self.done)] * 1000

    def outcome(self, slo_ms: float) -> Outcome:
        """The numbers."""
        replied = ~np.isnan(self.done)
        latency_ms = self.latency_ms
        good = (self.kind == Kind.ANSWERED) & replied & ((self.done - self.due) * 1000 <= slo_ms)
        seconds = float(np.nanmax(self.done) - self.due[0]) if replied.any() else 0.0
        waited = (self.left - self.due)[~np.isnan(self.left)] * 1000
        return Outcome(
            sent=len(self.due),
            seconds=seconds,
            per_second=float(replied.sum()) / seconds if seconds else 0.0,
            good=float(good.mean()) if len(good) else 0.0,
            slo_ms=slo_ms,
            defaults=int((self.kind == Kind.DEFAULT).sum()),
            errors=int((self.kind == Kind.ERROR).sum()),
            lost=int((~replied).sum()),
            latency_ms={name: _quantile(latency_ms, wanted) for name, wanted in QUANTILES.items()},
            late_ms=_quantile(waited, 0.99),
        )


def histogram(latency_ms: Times) -> list[tuple[float, float, int]]:
    """Lower and upper bound in ms and a count for each bar, without empty ones at the ends."""
    if not len(latency_ms):
        return []
    places = np.floor(np.log2(np.maximum(latency_ms, 1e-3)) * BARS_PER_DOUBLING).astype(int)
    first = int(places.min())
    counts = np.bincount(places - first)
    return [
        (2 ** ((first + n) / BARS_PER_DOUBLING), 2 ** ((first + n + 1) / BARS_PER_DOUBLING), int(count))
        for n, count in enumerate(counts)
    ]


def _quantile(values: Times, wanted: float) -> float:
    return float(np.quantile(values, wanted, method="higher")) if len(values) else 0.0
