"""The query REST interface: which request is answered by what."""

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Final

import msgspec

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import Input, InputType
from clipper.engine.application import ServedApplication
from clipper.engine.engine import Engine
from clipper.engine.feedback import Told, observe_input, observe_query
from clipper.engine.journal import SEQUENCE_BITS
from clipper.engine.query import Acknowledgement, PendingQuery, ReplyTo
from clipper.frontend import responses, schemas
from clipper.frontend.bodies import BodyDecoder, PredictBody, UpdateBody
from clipper.frontend.config import FrontendConfig
from clipper.frontend.connection import Connection, Exchange, Handler
from clipper.frontend.exposition import Exposition
from clipper.frontend.requests import Head
from clipper.frontend.siblings import Siblings

BAD_BODY: Final = "Json error"
BAD_QUERY: Final = "Query processing error"
"""The original's names for what can be wrong with a request."""

MAX_FEEDBACK_IN_FLIGHT: Final = 10_000
"""Each waits for one durable commit; past it feedback is refused and may be sent again."""

FEEDBACK_AT_ONCE: Final = 64
"""Of one `update_batch`: some milliseconds of work, after which queries get their turn."""

RANKING_S: Final = 10e-6
MAX_RANKING_SHARE: Final = 0.5
"""Of the time until the deadline, what is kept for ranking each item, and at most for all."""

_RECEIVED: Final = responses.text(b"Feedback received? 1")


class QueryService(Handler):
    """Handles the requests of all connections."""

    def __init__(self, engine: Engine, config: FrontendConfig, exposition: Exposition, siblings: Siblings) -> None:
        self._engine = engine
        self._applications = engine.applications
        self._journal = engine.journal
        self._exposition = exposition
        self._siblings = siblings
        self.feedback_in_flight = 0
        self._decoders = {each.value: BodyDecoder(each, config.max_batch) for each in InputType}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def prepare(self) -> None:
        """Serve what an operator was told is done before any of the requests to come was sent."""
        if self._engine.registry_changed():
            self._engine.refresh()

    def handle(self, connection: Connection, head: Head, body: bytes, now: float) -> None:
        """Take one request; its answer comes through the connection."""
        application = self._applications.get(head.application)
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
            self._journal.record(query)
            connection.expect(query)
            application.predict(query, now)
        else:
            assert isinstance(asked, PredictBody)
            self._predict(connection, application, asked, now)

    async def stop(self) -> None:
        """Wait for what siblings have been asked."""
        await asyncio.gather(*self._tasks)

    def _predict(self, connection: Connection, application: ServedApplication, body: PredictBody, now: float) -> None:
        exchange = _Questions(connection)
        connection.expect(exchange)
        deadline = now + application.patience_s
        reply_to: ReplyTo
        if body.k is not None:
            if not application.policy.ranks_items:
                exchange.respond(responses.failure(_ranks_nothing(application), BAD_QUERY))
                return
            reply_to = _Ranking(exchange, application, len(body.inputs), body.k)
            deadline -= min(RANKING_S * len(body.inputs), MAX_RANKING_SHARE * application.patience_s)
        else:
            reply_to = _Batch(exchange, len(body.inputs)) if body.is_batch else _Single(exchange)
        journal = self._engine.journal
        for asked in body.inputs:
            query = PendingQuery(asked, body.context, now, deadline, reply_to)
            query.is_item = body.k is not None
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
            case b"GET", ("evidence", name) if connection.is_private:
                _respond(connection, self._evidence(name, head.parameters.get("start", "0")))
            case _, (_, "predict" | "update"):
                _respond(connection, responses.wrong_method(head.method, b"POST"))
            case _, ("metrics" | "health" | "ready",):
                _respond(connection, responses.wrong_method(head.method, b"GET"))
            case _:
                cause = "Expected POST /{application}/predict, POST /{application}/update or GET /metrics"
                _respond(connection, responses.problem(HTTPStatus.NOT_FOUND, "Not found", cause))

    def _evidence(self, name: str, start: str) -> bytes:
        """Judged queries, for the controller: they are nobody else's business."""
        measures = self._engine.measures.get(name)
        if measures is None or not start.isdecimal():
            return _unknown_application(name)
        return responses.text(measures.evidence.page(int(start)), b"application/msgpack")

    def _update(self, connection: Connection, name: str, body: bytes) -> None:
        application = self._engine.applications.get(name)
        if application is None:
            _respond(connection, _unknown_application(name))
            return
        if self.feedback_in_flight >= MAX_FEEDBACK_IN_FLIGHT:
            error = ClipperError(ErrorCode.OVERLOADED, "Too much feedback is being committed; send it again")
            _respond(connection, responses.failure(error, BAD_QUERY))
            return
        decoder = self._decoders[application.input_type_name]
        exchange: Exchange
        try:
            several = decoder.update_batch(body)
            if several is not None:
                exchange = _Feedbacks(connection, self, application, decoder, several)
                connection.expect(exchange)
                exchange.go_on()
                return
            said = decoder.update(body)
        except ClipperError as error:
            _respond(connection, responses.failure(error, BAD_BODY))
            return
        holder = self.holder_of(said)
        if holder is not None:
            self._answer_later(connection, self._forward(holder, name, body))
            return
        self.feedback_in_flight += 1
        exchange = _Feedback(connection, self)
        connection.expect(exchange)
        self.observe(application, said, exchange)

    def observe(self, application: ServedApplication, said: UpdateBody, reply: Acknowledgement) -> None:
        """One feedback for queries of this frontend; `reply` is told what became of it."""
        told = Told(said.label, said.reward, said.idempotency_key)
        try:
            if said.query_id is None:
                assert said.input is not None
                observe_input(application, said.input, said.context, told, reply)
            else:
                observe_query(application, self._engine.journal, said.query_id, told, reply)
        except ClipperError as error:
            reply.acknowledge(error)

    def holder_of(self, said: UpdateBody) -> int | None:
        """Which sibling has answered the query that feedback is about."""
        query_id = said.query_id
        if query_id is None or self._engine.journal.find(query_id) is not None:
            return None
        return self._siblings.holder(query_id >> SEQUENCE_BITS)

    def forward_batch(self, holder: int, feedbacks: "_Feedbacks", places: list[int]) -> None:
        """Those feedbacks of a batch are for queries that a sibling has answered."""
        task = self._loop.create_task(self._forward_batch(holder, feedbacks, places))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward_batch(self, holder: int, feedbacks: "_Feedbacks", places: list[int]) -> None:
        body = b'{"update_batch":[%b]}' % b",".join([feedbacks.bodies[place] for place in places])
        reply = await self._siblings.feedback(holder, feedbacks.application.name, body)
        results = [] if reply is None else schemas.update_results(reply.body)
        if len(results) != len(places):
            results = [_result(_no_holder(), BAD_QUERY)] * len(places)
        for place, result in zip(places, results, strict=True):
            feedbacks.settle(place, result)

    async def _forward(self, holder: int, application: str, body: bytes) -> bytes:
        """Feedback for a query that a sibling has answered."""
        reply = await self._siblings.feedback(holder, application, body)
        if reply is None:
            raise _no_holder()
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
        """The client has gone: nobody wants any of the answers."""
        super().cancel()
        for query in self.queries:
            query.cancel()


class _Single(ReplyTo):
    """A query that says more than its input."""

    def __init__(self, exchange: _Questions) -> None:
        self._exchange = exchange

    def answer(self, query: PendingQuery, now: float) -> None:
        """That is the whole answer."""
        self._exchange.respond(responses.prediction(query))


class _Batch(ReplyTo):
    """The queries of one `input_batch`, answered together."""

    def __init__(self, exchange: _Questions, size: int) -> None:
        self._exchange = exchange
        self._waiting = size

    def answer(self, query: PendingQuery, now: float) -> None:
        """One more of them; the last one answers the request."""
        self._waiting -= 1
        if not self._waiting:
            self._exchange.respond(responses.batch_predictions(self._exchange.queries))


class _Ranking(ReplyTo):
    """The queries of one `items`, of which the best are answered once all of them are concluded."""

    def __init__(self, exchange: _Questions, application: ServedApplication, size: int, k: int) -> None:
        self._exchange = exchange
        self._application = application
        self._waiting = size
        self._k = k

    def answer(self, query: PendingQuery, now: float) -> None:
        """One more of them; after the last one they are ranked."""
        self._waiting -= 1
        if not self._waiting:
            queries = self._exchange.queries
            ranking = self._application.rank(queries)
            self._exchange.respond(responses.top_k(queries, ranking, self._k))


class _Feedback(Exchange):
    """A request that tells of one query."""

    __slots__ = ("service",)

    def __init__(self, connection: Connection, service: QueryService) -> None:
        super().__init__(connection)
        self.service = service

    def acknowledge(self, error: ClipperError | None) -> None:
        self.service.feedback_in_flight -= 1
        self.respond(_RECEIVED if error is None else responses.failure(error, BAD_QUERY))


class _Feedbacks(Exchange):
    """A request that tells of several queries, each of which is answered for itself."""

    __slots__ = ("application", "bodies", "decoder", "elsewhere", "next", "results", "service", "waiting")

    def __init__(
        self,
        connection: Connection,
        service: QueryService,
        application: ServedApplication,
        decoder: BodyDecoder,
        bodies: list[bytes],
    ) -> None:
        super().__init__(connection)
        self.service = service
        self.application = application
        self.decoder = decoder
        self.bodies = bodies
        self.results = [b""] * len(bodies)
        self.waiting = len(bodies)
        self.next = 0
        self.elsewhere: dict[int, list[int]] = {}
        service.feedback_in_flight += len(bodies)

    def go_on(self) -> None:
        """Take some of them, and the rest in the event loop's next turns."""
        end = min(self.next + FEEDBACK_AT_ONCE, len(self.bodies))
        for place in range(self.next, end):
            self._take(place)
        self.next = end
        if end < len(self.bodies):
            asyncio.get_running_loop().call_soon(self.go_on)
            return
        for holder, places in self.elsewhere.items():
            self.service.forward_batch(holder, self, places)

    def settle(self, place: int, result: bytes) -> None:
        """What became of one; the last one answers the request."""
        self.service.feedback_in_flight -= 1
        self.results[place] = result
        self.waiting -= 1
        if not self.waiting:
            body = b'{"updates":[%b]}' % b",".join(self.results)
            self.respond(responses.text(body, b"application/json"))

    def _take(self, place: int) -> None:
        try:
            said = self.decoder.update(self.bodies[place])
        except ClipperError as error:
            self.settle(place, _result(error, BAD_BODY))
            return
        holder = self.service.holder_of(said)
        if holder is None:
            self.service.observe(self.application, said, _OneOfFeedbacks(self, place))
        else:
            self.elsewhere.setdefault(holder, []).append(place)


class _OneOfFeedbacks:
    """One feedback of an `update_batch`."""

    __slots__ = ("feedbacks", "place")

    def __init__(self, feedbacks: _Feedbacks, place: int) -> None:
        self.feedbacks = feedbacks
        self.place = place

    def acknowledge(self, error: ClipperError | None) -> None:
        self.feedbacks.settle(self.place, _result(error, BAD_QUERY))


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


def _result(error: ClipperError | None, kind: str) -> bytes:
    """What became of one feedback of several, as JSON."""
    return b'{"ok":true}' if error is None else msgspec.json.encode({"error": kind, "cause": error.message})


def _ranks_nothing(application: ServedApplication) -> ClipperError:
    policy = application.spec.policy
    return invalid(f"Policy '{policy}' of application '{application.name}' ranks no items: expected split_model")


def _no_holder() -> ClipperError:
    return ClipperError(ErrorCode.UNAVAILABLE, "The frontend that has answered this query does not answer now")


def _unknown_application(name: str) -> bytes:
    cause = f"No application with name '{name}' exists: register it with add_app or `clipper app create {name}`"
    return responses.problem(HTTPStatus.NOT_FOUND, "Unknown application", cause)
