"""The query REST interface: which request is answered by what."""

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Final

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import Input, InputType
from clipper.engine.application import ServedApplication
from clipper.engine.engine import Engine
from clipper.engine.feedback import observe_input, observe_query
from clipper.engine.journal import SEQUENCE_BITS
from clipper.engine.query import PendingQuery
from clipper.frontend import responses
from clipper.frontend.bodies import BodyDecoder, PredictBody
from clipper.frontend.config import FrontendConfig
from clipper.frontend.connection import Connection, Exchange
from clipper.frontend.exposition import Exposition
from clipper.frontend.requests import Head
from clipper.frontend.siblings import Siblings

BAD_BODY: Final = "Json error"
BAD_QUERY: Final = "Query processing error"
"""The original's names for what can be wrong with a request."""

MAX_FEEDBACK_IN_FLIGHT: Final = 10_000
"""Each waits for one durable commit; past it feedback is refused and may be sent again."""


class QueryService:
    """Handles the requests of all connections."""

    def __init__(self, engine: Engine, config: FrontendConfig, exposition: Exposition, siblings: Siblings) -> None:
        self._engine = engine
        self._exposition = exposition
        self._siblings = siblings
        self._decoders = {each.value: BodyDecoder(each, config.max_batch) for each in InputType}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def handle(self, connection: Connection, head: Head, body: bytes, now: float) -> None:
        """Take one request; its answer comes through the connection."""
        engine = self._engine
        if engine.registry_changed():
            engine.refresh()
        application = engine.applications.get(head.application)
        if application is None:
            self._handle_rarer(connection, head, body)
            return
        decoder = self._decoders[application.input_type_name]
        try:
            asked = decoder.tensor(body, head.parameters) if head.is_binary else decoder.predict(body)
        except ClipperError as error:
            _respond(connection, responses.failure(error, BAD_BODY))
            return
        if type(asked) is Input:
            query = PendingQuery(asked, None, now, now + application.patience_s, connection)
            engine.journal.record(query)
            connection.expect(query)
            application.predict(query, now)
        else:
            assert isinstance(asked, PredictBody)
            self._predict(connection, application, asked, now)

    async def stop(self) -> None:
        """Wait for the feedback that is being committed."""
        await asyncio.gather(*self._tasks)

    def _predict(self, connection: Connection, application: ServedApplication, body: PredictBody, now: float) -> None:
        exchange = _Questions(connection)
        connection.expect(exchange)
        reply_to = _Batch(exchange, len(body.inputs)) if body.is_batch else _Single(exchange)
        journal = self._engine.journal
        deadline = now + application.patience_s
        for asked in body.inputs:
            query = PendingQuery(asked, body.context, now, deadline, reply_to)
            journal.record(query)
            exchange.queries.append(query)
            try:
                if body.version is None:
                    application.predict(query, now)
                else:
                    application.predict_with_version(query, body.version, now)
            except ClipperError as error:
                exchange.respond(responses.failure(error, BAD_QUERY))
                return

    def _handle_rarer(self, connection: Connection, head: Head, body: bytes) -> None:
        match head.method, head.segments:
            case b"POST", (name, "update"):
                self._update(connection, name, body)
            case b"GET", ("metrics",):
                self._answer_later(connection, self._exposition.expose(head))
            case b"GET", ("health" | "ready",):
                _respond(connection, responses.json({"ready": True}))
            case b"POST", (name, "predict"):
                _respond(connection, _unknown_application(name))
            case _, (_, "predict" | "update"):
                _respond(connection, responses.wrong_method(head.method, b"POST"))
            case _, ("metrics" | "health" | "ready",):
                _respond(connection, responses.wrong_method(head.method, b"GET"))
            case _:
                cause = "Expected POST /{application}/predict, POST /{application}/update or GET /metrics"
                _respond(connection, responses.problem(HTTPStatus.NOT_FOUND, "Not found", cause))

    def _update(self, connection: Connection, name: str, body: bytes) -> None:
        application = self._engine.applications.get(name)
        if application is None:
            _respond(connection, _unknown_application(name))
            return
        if len(self._tasks) >= MAX_FEEDBACK_IN_FLIGHT:
            error = ClipperError(ErrorCode.OVERLOADED, "Too much feedback is being committed; send it again")
            _respond(connection, responses.failure(error, BAD_QUERY))
            return
        try:
            feedback = self._decoders[application.input_type_name].update(body)
        except ClipperError as error:
            _respond(connection, responses.failure(error, BAD_BODY))
            return
        if feedback.query_id is not None:
            holder = self._siblings.holder(feedback.query_id >> SEQUENCE_BITS)
            if holder is not None:
                self._answer_later(connection, self._forward(holder, name, body))
                return
            observing = observe_query(application, self._engine.journal, feedback.query_id, feedback.label)
        else:
            assert feedback.input is not None
            observing = observe_input(application, feedback.input, feedback.context, feedback.label)
        self._answer_later(connection, _acknowledged(observing))

    async def _forward(self, holder: int, application: str, body: bytes) -> bytes:
        """Feedback for a query that a sibling has answered."""
        reply = await self._siblings.feedback(holder, application, body)
        if reply is None:
            raise ClipperError(ErrorCode.UNAVAILABLE, "The frontend that has answered this query does not answer now")
        kind = b"text/plain; charset=utf-8" if reply.status is HTTPStatus.OK else b"application/json"
        return responses.text(reply.body, kind, reply.status)

    def _answer_later(self, connection: Connection, work: Coroutine[Any, Any, bytes]) -> None:
        exchange = Exchange(connection)
        connection.expect(exchange)
        task = self._loop.create_task(_respond_with(exchange, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Questions(Exchange):
    """A request that asks for one prediction or several."""

    __slots__ = ("queries",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.queries: list[PendingQuery] = []

    def cancel(self) -> None:
        super().cancel()
        for query in self.queries:
            query.cancel()


class _Single:
    """A query that says more than its input."""

    def __init__(self, exchange: _Questions) -> None:
        self._exchange = exchange

    def answer(self, query: PendingQuery, now: float) -> None:
        self._exchange.respond(responses.prediction(query))


class _Batch:
    """The queries of one `input_batch`, answered together."""

    def __init__(self, exchange: _Questions, size: int) -> None:
        self._exchange = exchange
        self._waiting = size

    def answer(self, query: PendingQuery, now: float) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._exchange.respond(responses.batch_predictions(self._exchange.queries))


def _respond(connection: Connection, response: bytes) -> None:
    exchange = Exchange(connection)
    connection.expect(exchange)
    exchange.respond(response)


async def _respond_with(exchange: Exchange, work: Coroutine[Any, Any, bytes]) -> None:
    try:
        exchange.respond(await work)
    except ClipperError as error:
        exchange.respond(responses.failure(error, BAD_QUERY))
    except Exception:  # a bug of ours; whoever asked is answered all the same, and asyncio logs it
        exchange.respond(responses.problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error", "See the server's log"))
        raise


async def _acknowledged(observing: Coroutine[Any, Any, None]) -> bytes:
    await observing
    return responses.text(b"Feedback received? 1")


def _unknown_application(name: str) -> bytes:
    cause = f"No application with name '{name}' exists: register it with add_app or `clipper app create {name}`"
    return responses.problem(HTTPStatus.NOT_FOUND, "Unknown application", cause)
