"""Additive increase, multiplicative decrease (paper §4.3.1)."""

from typing import ClassVar

from clipper.abstraction.batching.bounded import Bounded
from clipper.abstraction.batching.controller import budget_s
from clipper.wire.batches import MAX_BATCH


class Aimd(Bounded):
    """A bound that follows what batches take.

    A batch that stays inside the budget and was as large as allowed raises the bound by a step; one that exceeds the
    budget cuts the bound by a tenth, and a second in a row to a tenth below its own size. The increase needs a full
    batch, so the bound never runs away while load is low. Until the first batch over the budget the bound doubles, so
    that the load that comes first is not kept waiting.
    """

    INCREASE: ClassVar[int] = 2
    """As in the system that the paper measured."""

    DECREASE: ClassVar[float] = 0.9
    """«a small multiplicative constant (10 %)», paper §4.3.1."""

    def __init__(self, objective_s: float) -> None:
        super().__init__()
        self._budget_s = budget_s(objective_s)
        self._bound = 1.0
        self._starting = True
        self._is_slow = False

    def limit(self, slack_s: float) -> int:
        """The present bound, whatever the slack."""
        return int(self._bound)

    def plan(self) -> tuple[int, float]:
        """By the present bound."""
        return self._latency.plan(int(self._bound))

    def observe(self, size: int, compute_s: float) -> None:
        """Move the bound by what the batch took."""
        self._latency.observe(size, compute_s)
        if compute_s > self._budget_s:
            self._starting = False
            slow = min(self._bound, size) if self._is_slow else self._bound  # once may be a hiccup of the machine
            self._bound = max(1.0, slow * self.DECREASE)
        elif size >= int(self._bound):
            raised = 2 * self._bound if self._starting else self._bound + self.INCREASE
            self._bound = min(float(MAX_BATCH), raised)
        self._is_slow = compute_s > self._budget_s

    def retarget(self, objective_s: float) -> None:
        """The bound finds its new place by itself."""
        self._budget_s = budget_s(objective_s)
