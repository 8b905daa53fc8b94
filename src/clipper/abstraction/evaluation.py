"""One evaluation: a model version's answer to one input, while it is awaited and while it is cached."""

from typing import Protocol

from clipper.core.inputs import Input
from clipper.wire.batches import Outcome


class Waiter(Protocol):
    """Who asked for an evaluation. `answered` becomes true once nobody needs the outcome any longer."""

    answered: bool

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """Take the outcome of the asker's `member`-th model; called at most once for each."""


class Evaluation:
    """Shared by every query that asks the same of the same model version (single flight).

    Attributes:
        input: what to evaluate.
        deadline: the latest moment (loop time, seconds) at which somebody still waits for it.
        arrived: when it was first asked for.
        waiters: (who, which of its members); emptied at completion.
        attempts: how often it has been sent to a container that did not answer.
        output: the answer as JSON text, once there is one.
        visited: the cache's reference bit.
        cost: bytes that the cache counts for it.
    """

    __slots__ = ("arrived", "attempts", "cost", "deadline", "input", "output", "visited", "waiters")

    def __init__(self, asked: Input, deadline: float, arrived: float, waiter: Waiter, member: int) -> None:
        self.input = asked
        self.deadline = deadline
        self.arrived = arrived
        self.waiters = [(waiter, member)]
        self.attempts = 0
        self.output: bytes | None = None
        self.visited = False
        self.cost = 0

    def is_awaited(self) -> bool:
        """Whether anybody still needs the outcome."""
        for waiter, _ in self.waiters:  # a plain loop: `any` with a generator costs three times as much
            if not waiter.answered:
                return True
        return False

    def complete(self, outcome: Outcome, now: float) -> None:
        """Hand the outcome to everybody who asked."""
        waiters, self.waiters = self.waiters, []
        for waiter, member in waiters:
            waiter.receive(member, outcome, now)
