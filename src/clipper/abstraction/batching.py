"""Batch controllers: how many inputs the next batch of one replica may hold. Pure: no clock, no I/O.

A controller is told, after each batch, its size and the container's own compute time (never time spent queueing, which
made the original's estimator wrong), and is asked for the size of the next.
"""

from typing import Protocol

from clipper.wire.batches import MAX_BATCH

PIPELINE_DEPTH = 2
"""Batches in flight to one replica: the second waits in its socket, so the container is never idle between two."""

BUDGET_SHARE = 0.9 / (PIPELINE_DEPTH + 1)
"""Share of the latency objective that one batch may compute: a query can wait for a batch ahead of it in the queue's
turn, then for the one in flight, then for its own; a tenth is left for the network and the frontend."""


class BatchController(Protocol):
    """Chooses batch sizes for one replica."""

    def limit(self) -> int:
        """The largest size the next batch may have, at least 1."""

    def observe(self, size: int, compute_s: float) -> None:
        """A batch of `size` inputs took `compute_s` seconds in the container."""

    def retarget(self, budget_s: float) -> None:
        """From now on a batch may compute this long."""


class Fixed:
    """Always the same bound, set by the operator."""

    def __init__(self, size: int) -> None:
        self._size = min(size, MAX_BATCH)

    def limit(self) -> int:
        """The operator's bound."""
        return self._size

    def observe(self, size: int, compute_s: float) -> None:
        """Learns nothing."""

    def retarget(self, budget_s: float) -> None:
        """The operator's bound stays."""


class Aimd:
    """Additive increase, multiplicative decrease (paper §4.3.1).

    A batch that stays inside the budget and was as large as allowed raises the bound by a step; one that exceeds the
    budget cuts the bound by a tenth. The increase needs a full batch, so the bound never runs away while load is low.
    """

    INCREASE = 2
    """As in the system that the paper measured."""

    DECREASE = 0.9
    """«a small multiplicative constant (10 %)», paper §4.3.1."""

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._bound = 1.0

    def retarget(self, budget_s: float) -> None:
        """The bound finds its new place by itself."""
        self._budget_s = budget_s

    def limit(self) -> int:
        """The present bound."""
        return int(self._bound)

    def observe(self, size: int, compute_s: float) -> None:
        """Move the bound by what the batch took."""
        if compute_s > self._budget_s:
            self._bound = max(1.0, min(self._bound, size) * self.DECREASE)
        elif size >= int(self._bound):
            self._bound = min(float(MAX_BATCH), self._bound + self.INCREASE)
