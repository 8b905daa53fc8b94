"""One evaluation: a model version's answer to one input, while it is awaited and while it is cached."""

from collections.abc import Hashable
from typing import Protocol, TypeAlias

from clipper.core.inputs import Input
from clipper.wire.batches import Outcome


class Waiter(Protocol):
    """Who asked for an evaluation. `answered` becomes true once nobody needs the outcome any longer."""

    answered: bool

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """Take the outcome of the asker's `member`-th model; called at most once for each."""


NOBODY: list[tuple[Waiter, int]] = []
"""Shared by all completed evaluations, so that a cached one holds on to no query."""


class Evaluation:
    """Shared by every query that asks the same of the same model version (single flight).

    No `__slots__`: defaults that stay on the class cost nothing at construction, which is once per query.

    Attributes:
        input: what to evaluate.
        owner: the model version's evaluations, where it stands under `input.key`.
        deadline: the latest moment (monotonic, in seconds) at which somebody still waits for it.
        arrived: when it was first asked for.
        waiters: (who, which of its members); emptied at completion.
        attempts: how often it has been sent to a container that did not answer.
        output: the answer as JSON text, once there is one.
        visited: the cache's reference bit.
        cost: bytes that the cache counts for it.
    """

    attempts = 0
    output: bytes | None = None
    visited = False
    cost = 0

    def __init__(
        self, asked: Input, owner: "Evaluations", deadline: float, arrived: float, waiter: tuple[Waiter, int]
    ) -> None:
        self.input = asked
        self.owner = owner
        self.deadline = deadline
        self.arrived = arrived
        self.waiters = [waiter]

    def is_awaited(self) -> bool:
        """Whether anybody still needs the outcome."""
        for waiter, _ in self.waiters:  # noqa: SIM110 - `any` with a generator costs three times as much
            if not waiter.answered:
                return True
        return False

    def complete(self, outcome: Outcome, now: float) -> None:
        """Hand the outcome to everybody who asked."""
        waiters = self.waiters
        self.waiters = NOBODY
        for waiter, member in waiters:
            waiter.receive(member, outcome, now)


Evaluations: TypeAlias = dict[Hashable, Evaluation]
"""One model version's evaluations, cached and in flight, by the input's key: whole inputs, compared in full."""
