"""The record of one query, from its arrival until its place in the journal is needed for another.

An in-flight query is no task and no future: it is told of each outcome and of its deadline, and is concluded once.
"""

from abc import ABCMeta, abstractmethod
from typing import Final, Protocol

from mypy_extensions import mypyc_attr

from clipper.abstraction.evaluation import Waiter
from clipper.core.errors import ClipperError
from clipper.core.inputs import Input
from clipper.selection.policy import Answer, Selection, State
from clipper.wire.batches import Outcome


@mypyc_attr(allow_interpreted_subclasses=True)
class ReplyTo(metaclass=ABCMeta):
    """Who wants the answer: a connection, a batch of queries, a feedback. A base class, as `Waiter` is one."""

    __slots__ = ()

    @abstractmethod
    def answer(self, query: "PendingQuery", now: float) -> None:
        """`query.output` and `query.explanation` are final. Called exactly once."""


class Concluder(metaclass=ABCMeta):
    """The application a query is for. A base class, for the reason that `Waiter` is one."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def is_decided(self, query: "PendingQuery") -> bool:
        """Whether what is still missing can no longer change the answer."""

    @abstractmethod
    def conclude(self, query: "PendingQuery", now: float) -> None:
        """Answer with what has arrived."""

    @abstractmethod
    def abandon(self, query: "PendingQuery") -> None:
        """Ask for nothing more on behalf of a query whose client has gone."""


class Observing(Protocol):
    """Feedback that is being kept."""

    def join(self, reply: "Acknowledgement") -> None:
        """Acknowledge a repetition of it too, when it is durable."""


class Acknowledgement(Protocol):
    """Who waits for a feedback."""

    def acknowledge(self, error: ClipperError | None) -> None:
        """It is durable, or was not taken and why. Called exactly once."""


NOTHING_ASKED: Final[list[Outcome | None]] = []
"""Shared by all queries for which no model has been asked."""


FRESH: Final = 0
EXACT: Final = 1
APPROXIMATE: Final = 2
"""What was answered from the cache: not everything, all for this very input, all and some of it for a similar one."""


class PendingQuery(Waiter):
    """One input for one application.

    Attributes:
        query_id: unique over restarts and over all frontends of one home; given by the journal.
        arrived, deadline: by the monotonic clock, in seconds.
        selection: the models that were asked, with their propensities.
        outcomes: in the order of `selection.models`; None where nothing has arrived yet.
        waiting: how many outcomes are still to come.
        is_item: whether it is one of several inputs to be ranked, which get their outputs together.
        state: the policy's, of this context, when the query came; until it is answered.
        quorum: with fewer outcomes than that the answer cannot be decided.
        cache: FRESH, EXACT or APPROXIMATE, of the outputs that have arrived so far or, once `concluded`, of the answer.
        concluded: whether the answer has been given, or nobody wants it any longer.
        answered: whether no outcome is needed any longer either: an answer may leave before all are in.
        output: the answer as JSON text, once `concluded`.
        answer: what the policy made of the outputs; None if it was not asked, or had no answer.
        missing: the members of an ensemble that were selected and are not in the answer.
        explanation: why `output` is the default one, else None.
        response: where the edge keeps the encoded answer while earlier requests of its connection are unanswered.
        observed: whether feedback for this query has been counted; while it is being kept, that feedback.
    """

    __slots__ = (
        "answer",
        "application",
        "arrived",
        "cache",
        "concluded",
        "context",
        "explanation",
        "input",
        "is_item",
        "missing",
        "observed",
        "outcomes",
        "output",
        "query_id",
        "quorum",
        "reply_to",
        "response",
        "selection",
        "state",
        "waiting",
    )

    def __init__(self, asked: Input, context: str | None, arrived: float, deadline: float, reply_to: ReplyTo) -> None:
        super().__init__(deadline)
        self.query_id = 0
        self.input = asked
        self.context = context
        self.arrived = arrived
        self.reply_to: ReplyTo | None = reply_to
        self.application: Concluder | None = None
        self.selection: Selection | None = None
        self.outcomes: list[Outcome | None] = NOTHING_ASKED
        self.waiting = 0
        self.is_item = False
        self.state: State | None = None
        self.quorum = 1
        self.cache = FRESH
        self.concluded = False
        self.answer: Answer | None = None
        self.missing: tuple[str, ...] = ()
        self.observed: bool | Observing = False
        self.output = b""
        self.explanation: str | None = None
        self.response: bytes | None = None

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """Note the outcome of the `member`-th selected model; the one that decides concludes the query."""
        self.outcomes[member] = outcome
        if self.cache and not self.concluded and type(outcome) is bytes:
            self.cache = FRESH
        self.waiting -= 1
        if self.concluded:
            self.answered = self.answered or not self.waiting
            return
        assert self.application is not None
        if not self.waiting or (len(self.outcomes) - self.waiting >= self.quorum and self.application.is_decided(self)):
            self.application.conclude(self, now)

    def cancel(self) -> None:
        """Nobody wants the answer any longer: the client has gone."""
        self.answered = self.concluded = True
        self.state = None
        self.reply_to = None
        if self.waiting and self.application is not None:
            self.application.abandon(self)

    def outputs(self) -> list[bytes | None]:
        """The outputs that have arrived, in the order of `selection.models`."""
        return [outcome if type(outcome) is bytes else None for outcome in self.outcomes]
