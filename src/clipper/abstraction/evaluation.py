"""One evaluation: a model version's answer to one input, while it is awaited and while it is cached."""

from abc import ABCMeta, abstractmethod
from collections.abc import Hashable
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

from mypy_extensions import i64, mypyc_attr

from clipper.core.inputs import Input
from clipper.wire.batches import Outcome

if TYPE_CHECKING:  # else reading the settings would load NumPy, before the server has started any process
    from clipper.abstraction.approximate.similar import Lookup


@mypyc_attr(allow_interpreted_subclasses=True)
class Waiter(metaclass=ABCMeta):
    """Who asked for an evaluation.

    A base class and no protocol: a compiled caller finds a base class's attributes and methods without their names.

    Attributes:
        deadline: until when the outcome is of use (monotonic, in seconds).
        answered: whether it is needed no longer.
    """

    __slots__ = ("answered", "deadline")

    def __init__(self, deadline: float) -> None:
        self.answered = False
        self.deadline = deadline

    @abstractmethod
    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """Take the outcome of the asker's `member`-th model; called at most once for each."""


class Verifier(Waiter):
    """Waits for what the model says of an input that was answered from the approximate cache: nobody hears it."""

    __slots__ = ()

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """The approximate cache has learned from it already."""


class Nobody(Waiter):
    """Stands where there is no waiter any longer, so that who looks at the first one always finds one."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(-inf)
        self.answered = True

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """Has what it needs."""


NOBODY: Final[Waiter] = Nobody()
"""Shared by all completed evaluations, so that a cached one holds on to no query."""

NO_OTHERS: Final[list[tuple[Waiter, int]]] = []
"""Shared by all evaluations that nobody else has asked for."""


class Evaluation:
    """Shared by every query that asks the same of the same model version (single flight).

    Attributes:
        input: what to evaluate.
        owner: the model version's evaluations, or its renewals, where it stands under `input.key`.
        deadline: of who asked first (monotonic, in seconds): its turn in the queue; others may wait longer.
        arrived: when it was first asked for.
        waiter: who asked first, for the outcome of its `member`-th model; nobody from completion on.
        others: (who, which of its members) asked for it too.
        attempts: how often a container has ended while it may have been computing this.
        lookup: what the approximate cache has found, to learn from the outcome.
        keep: whether somebody asked who wants the output to be cached.
        output: the answer as JSON text, once there is one.
        made: when it was answered.
        queued: whether it waits for a replica, as it does from the beginning.
        visited: the cache's reference bit.
        cost: bytes that the cache counts for it.
        digest: by which the cache remembers it once it is evicted.
    """

    __slots__ = (
        "arrived",
        "attempts",
        "cost",
        "deadline",
        "digest",
        "input",
        "keep",
        "lookup",
        "made",
        "member",
        "others",
        "output",
        "owner",
        "queued",
        "visited",
        "waiter",
    )

    def __init__(
        self,
        asked: Input,
        owner: "Evaluations",
        deadline: float,
        arrived: float,
        waiter: Waiter,
        member: int,
    ) -> None:
        self.input = asked
        self.owner = owner
        self.deadline = deadline
        self.arrived = arrived
        self.waiter = waiter
        self.member = member
        self.others = NO_OTHERS
        self.attempts = 0
        self.keep = True
        self.output: bytes | None = None
        self.made = arrived
        self.lookup: Lookup | None = None
        self.queued = True
        self.visited = False
        self.cost = 0
        self.digest: i64 = 0

    def join(self, waiter: Waiter, member: int) -> None:
        """Somebody else asks for it."""
        if self.others is NO_OTHERS:
            self.others = []
        self.others.append((waiter, member))

    def is_awaited(self, now: float) -> bool:
        """Whether the outcome can still reach anybody in time."""
        if not self.waiter.answered and self.waiter.deadline > now:
            return True
        for waiter, _ in self.others:  # noqa: SIM110 - `any` with a generator costs three times as much
            if not waiter.answered and waiter.deadline > now:
                return True
        return False

    def awaited_until(self, now: float) -> float:
        """The earliest deadline past `now` of those that wait."""
        first = self.waiter
        deadline = first.deadline if not first.answered and first.deadline > now else inf
        for waiter, _ in self.others:
            if not waiter.answered and now < waiter.deadline < deadline:
                deadline = waiter.deadline
        return deadline

    def complete(self, outcome: Outcome, now: float) -> None:
        """Hand the outcome to everybody who asked."""
        first, others = self.waiter, self.others
        self.waiter = NOBODY
        self.others = NO_OTHERS
        first.receive(self.member, outcome, now)
        for waiter, member in others:
            waiter.receive(member, outcome, now)


Evaluations: TypeAlias = dict[Hashable, Evaluation]
"""One model version's evaluations, cached and in flight, by the input's key: whole inputs, compared in full."""
