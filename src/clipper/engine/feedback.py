"""One feedback: the true label of a query meets what its models had said, and the selection state learns.

By query id the outputs come from the journal; by input they are joined through the cache, asking the models again
where it has forgotten (paper §4.2).
"""

import asyncio

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import Input
from clipper.engine.application import ServedApplication
from clipper.engine.journal import Journal
from clipper.engine.query import PendingQuery
from clipper.selection.policy import Feedback
from clipper.selection.rewards import same_value


async def observe_query(application: ServedApplication, journal: Journal, query_id: int, label: bytes) -> None:
    """Feedback for an earlier query; durable on return. A repeated one counts once.

    Raises NOT_FOUND if the query is not known (any longer), and what `States.update` raises.
    """
    query = journal.find(query_id)
    if query is None or query.application is None or query.selection is None:
        raise ClipperError(
            ErrorCode.NOT_FOUND,
            f"No query with query_id {query_id} is known: it is too old, or was not asked of this frontend",
        )
    if query.application.name != application.name:
        raise ClipperError(ErrorCode.NOT_FOUND, f"Query {query_id} was not asked of application '{application.name}'")
    while isinstance(query.observed, asyncio.Future):
        await asyncio.wait([query.observed])  # a repetition is acknowledged no earlier than the first is durable
    if query.observed:
        return
    kept = False
    attempt = query.observed = asyncio.get_running_loop().create_future()
    try:
        await _observe(application, query, label)
        kept = True
    finally:
        query.observed = kept
        attempt.set_result(None)


async def observe_input(application: ServedApplication, asked: Input, context: str | None, label: bytes) -> None:
    """Feedback for an input; durable on return. Raises what `States.update` raises."""
    await _observe(application, await _Join(application).outputs(asked, context), label)


async def _observe(application: ServedApplication, query: PendingQuery, label: bytes) -> None:
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
    policy = application.policy
    feedback = Feedback(label=label, answer=query.answer)
    await application.states.update(
        query.context, lambda state: policy.observe(state, query, feedback, selection, outputs)
    )
    measures = application.measures
    measures.feedback += 1
    for model, output in zip(selection.models, outputs, strict=True):
        if output is not None:
            key = (model, same_value(output, label))
            measures.judged[key] = measures.judged.get(key, 0) + 1


class _Join:
    """Asks the application's models what they say of an input, as a query of its own."""

    def __init__(self, application: ServedApplication) -> None:
        self._application = application
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def outputs(self, asked: Input, context: str | None) -> PendingQuery:
        now = monotonic()
        deadline = now + self._application.patience_s
        query = PendingQuery(asked, context, now, deadline, self)
        self._application.predict(query, now)
        await self._done
        return query

    def answer(self, query: PendingQuery, now: float) -> None:
        if not self._done.done():
            self._done.set_result(None)
