"""Batches of a size set by the operator."""

from clipper.abstraction.batching.latency import LatencyModel
from clipper.wire.batches import MAX_BATCH


class Fixed:
    """Always the same bound; a bound of one is no batching at all."""

    def __init__(self, size: int) -> None:
        self._size = max(1, min(size, MAX_BATCH))
        self._latency = LatencyModel()

    def limit(self, slack_s: float) -> int:
        """The operator's bound, whatever the slack."""
        return self._size

    def expected_s(self, size: int) -> float:
        """As learned."""
        return self._latency.expected_s(size)

    def typical_s(self, size: int) -> float:
        """As learned."""
        return self._latency.typical_s(size)

    def least(self, size: int) -> int:
        """That size: the operator's choice is not second-guessed."""
        return size

    def plan(self) -> tuple[int, float]:
        """Batches of the operator's bound."""
        return self._size, self._latency.typical_s(self._size)

    def observe(self, size: int, compute_s: float) -> None:
        """Learn what batches take; the bound stays."""
        self._latency.observe(size, compute_s)

    def retarget(self, objective_s: float) -> None:
        """The operator's bound stays."""
