"""One feedback: what became known of a query meets what its models had said, and the selection state learns.

By query id the outputs come from the journal; by input they are joined through the cache, asking the models again
where it has forgotten (paper §4.2). No task for each: `Observation` is told when it is durable.
"""

from typing import NamedTuple

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import Input
from clipper.engine.application import ServedApplication
from clipper.engine.journal import Journal
from clipper.engine.query import Acknowledgement, PendingQuery, ReplyTo
from clipper.engine.repeats import digest_of
from clipper.selection.policy import Feedback, Outputs, Selection, State
from clipper.selection.rewards import same_value


class Told(NamedTuple):
    """What is said of a query: a label as JSON text, or a reward; and the key that makes a repetition count once."""

    label: bytes | None
    reward: float | None = None
    idempotency_key: str | None = None


class Observation:
    """One feedback on its way into the states, and who waits for it; a `Change`."""

    __slots__ = ("application", "context", "digest", "feedback", "outputs", "query", "selection", "waiting")

    def __init__(
        self, application: ServedApplication, query: PendingQuery, told: Told, selection: Selection, outputs: Outputs
    ) -> None:
        self.application = application
        self.query = query
        self.selection = selection
        self.outputs = outputs
        self.context = query.context
        self.feedback = Feedback(told.label, told.reward, query.answer)
        self.digest = None if told.idempotency_key is None else digest_of(told.idempotency_key)
        self.waiting: list[Acknowledgement] = []

    def join(self, reply: Acknowledgement) -> None:
        """Acknowledge this one too: it repeats what is under way."""
        self.waiting.append(reply)

    def apply(self, state: State) -> State:
        """What the policy learns from it."""
        return self.application.policy.observe(state, self.query, self.feedback, self.selection, self.outputs)

    def settle(self, error: ClipperError | None, *, repeated: bool) -> None:
        """It has been kept, or may be sent again."""
        self.query.observed = error is None
        for reply in self.waiting:
            reply.acknowledge(error)
        if error is None and not repeated:
            self._count()

    def _count(self) -> None:
        measures = self.application.measures
        measures.feedback += 1
        measures.evidence.add(self.query, self.feedback, self.selection)
        label = self.feedback.label
        if label is None:
            return
        judged = measures.judged
        right = {label: True}  # most members say the same
        for model, output in zip(self.selection.models, self.outputs, strict=True):
            if output is None:
                continue
            if output not in right:
                right[output] = same_value(output, label)
            key = (model, right[output])
            judged[key] = judged.get(key, 0) + 1


def observe_query(
    application: ServedApplication, journal: Journal, query_id: int, told: Told, reply: Acknowledgement
) -> None:
    """Feedback for an earlier query; `reply` is told when it is durable. A repeated one counts once.

    Raises NOT_FOUND if the query is not known (any longer), UNAVAILABLE if no model has said anything of it,
    INVALID_ARGUMENT for a reward if the answer was the default output.
    """
    query = journal.find(query_id)
    if query is None or query.application is None or query.selection is None:
        raise ClipperError(
            ErrorCode.NOT_FOUND,
            f"No query with query_id {query_id} is known: it is too old, or was not asked of this frontend",
        )
    if query.application.name != application.name:
        raise ClipperError(ErrorCode.NOT_FOUND, f"Query {query_id} was not asked of application '{application.name}'")
    observed = query.observed
    if observed is True:
        reply.acknowledge(None)
    elif observed is False:
        _observe(application, query, told, reply)
    else:
        observed.join(reply)  # acknowledged no earlier than the first is durable


def observe_input(
    application: ServedApplication, asked: Input, context: str | None, told: Told, reply: Acknowledgement
) -> None:
    """Feedback for an input; `reply` is told when it is durable, or why it was not taken."""
    now = monotonic()
    query = PendingQuery(asked, context, now, now + application.patience_s, _Join(application, told, reply))
    application.predict(query, now)


class _Join(ReplyTo):
    """Takes what the models say of an input, as a query of its own."""

    __slots__ = ("_application", "_reply", "_told")

    def __init__(self, application: ServedApplication, told: Told, reply: Acknowledgement) -> None:
        self._application = application
        self._told = told
        self._reply = reply

    def answer(self, query: PendingQuery, now: float) -> None:
        try:
            _observe(self._application, query, self._told, self._reply)
        except ClipperError as error:
            self._reply.acknowledge(error)


def _observe(application: ServedApplication, query: PendingQuery, told: Told, reply: Acknowledgement) -> None:
    selection = query.selection
    if selection is None:
        raise ClipperError(
            ErrorCode.UNAVAILABLE, f"No model is linked to application '{application.name}' to learn about"
        )
    outputs = query.outputs()
    if not any(outputs):
        raise ClipperError(
            ErrorCode.UNAVAILABLE, f"No model of application '{application.name}' has answered: nothing can be learned"
        )
    if told.reward is not None and query.explanation is not None:
        raise invalid("Invalid reward: this query was answered with the default output, not by a model; send a label")
    observation = Observation(application, query, told, selection, outputs)
    observation.join(reply)
    query.observed = observation
    application.states.submit(observation)
