"""Batches of a size set by the operator."""

from clipper.abstraction.batching.bounded import Bounded
from clipper.wire.batches import MAX_BATCH


class Fixed(Bounded):
    """Always the same bound; a bound of one is no batching at all."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = max(1, min(size, MAX_BATCH))

    def limit(self, slack_s: float) -> int:
        """The operator's bound, whatever the slack."""
        return self._size

    def plan(self) -> tuple[int, float]:
        """Batches of the operator's bound."""
        return self._size, self._latency.typical_s(self._size)

    def observe(self, size: int, compute_s: float) -> None:
        """Learn what batches take; the bound stays."""
        self._latency.observe(size, compute_s)

    def retarget(self, objective_s: float) -> None:
        """The operator's bound stays."""
