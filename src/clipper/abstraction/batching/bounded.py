"""What the controllers share that keep one bound for every batch, whatever its deadlines."""

from clipper.abstraction.batching.latency import LatencyModel


class Bounded:
    """Knows what batches take, as every replica has to; how the bound moves is a subclass's own."""

    def __init__(self) -> None:
        self._latency = LatencyModel()

    def expected_s(self, size: int) -> float:
        """As learned from the newest batches."""
        return self._latency.expected_s(size)

    def typical_s(self, size: int) -> float:
        """As learned from the newest batches."""
        return self._latency.typical_s(size)

    def least(self, size: int) -> int:
        """That size: the bound is not second-guessed."""
        return size
