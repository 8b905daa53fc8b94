"""Queries over HTTP, many at a time, and an honest account of them.

Sends from a thread of its own, so that nothing the story does delays a query much. With a rate, queries are due at
random moments whatever becomes of the earlier ones, and their latency counts from the moment they were due: waiting
for a free connection is part of it. Without a rate each connection asks again as soon as it is answered.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import uvloop

from clipper.core.clock import monotonic

LATENCY_STEP_S = 0.0001
LATENCY_STEPS = 10_000
"""Latencies are counted in steps of 0.1 ms up to 1 s: constant memory, and quantiles without sorting."""

ANSWER_TIMEOUT_S = 5.0
"""Two hundred times the objective: a query that has no answer by then is counted as unanswered."""

FEEDBACK_EVERY = 5
"""One query in so many is followed by feedback, where the pace does not say."""

FEEDBACK_CONNECTIONS = 4
"""Each waits for the disk at every feedback, and they are committed together."""

MAX_FEEDBACK_WAITING = 8
"""Where the disk is slower than the queries, feedback is left out: old news would blur what a change has done."""

RECONNECT_S = 0.05
TICK_S = 0.001


class Reply(msgspec.Struct):
    """What the query frontend answers."""

    query_id: int
    output: Any
    default: bool
    default_explanation: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked."""

    host: str
    port: int
    application: str

    def request(self, verb: str, body: object) -> bytes:
        """A POST to `/{application}/{verb}` on a kept-alive connection."""
        content = msgspec.json.encode(body)
        return b"POST /%b/%b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            self.application.encode(),
            verb.encode(),
            self.host.encode(),
            len(content),
            content,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How to ask.

    Attributes:
        connections: kept alive, each with one query at a time.
        per_second: queries due on average; None: each connection asks as fast as it is answered.
        limit: stop after so many queries; None: when told to.
        feedback_every: one query in so many is followed by feedback.
    """

    connections: int
    per_second: float | None = None
    limit: int | None = None
    feedback_every: int = FEEDBACK_EVERY


class Tally:
    """What became of the queries.

    Attributes:
        sent, answered, failed: queries; `failed` are those answered with an error.
        right: answered with the true label.
        defaults: answered with the default output.
        feedback: acknowledged feedback.
        broken: connections that were lost.
    """

    _COUNTS = ("sent", "answered", "failed", "right", "defaults", "feedback", "broken")

    def __init__(self) -> None:
        self.at_s = monotonic()
        self.sent = self.answered = self.failed = self.right = self.defaults = self.feedback = self.broken = 0
        self._latencies = [0] * (LATENCY_STEPS + 1)

    @property
    def unanswered(self) -> int:
        """Sent and not answered (yet)."""
        return self.sent - self.answered

    @property
    def accuracy(self) -> float:
        """The share of all answers that were the true label."""
        return self.right / self.answered if self.answered else 0.0

    @property
    def model_accuracy(self) -> float:
        """The share of true labels among the answers that models gave."""
        given = self.answered - self.defaults - self.failed
        return self.right / given if given else 0.0

    def count_latency(self, seconds: float) -> None:
        """Count one answer's."""
        self._latencies[max(0, min(int(seconds / LATENCY_STEP_S), LATENCY_STEPS))] += 1

    def quantile_s(self, quantile: float) -> float:
        """The latency that this share of the answers did not exceed, to the next step; 0 if there are none."""
        rank = quantile * sum(self._latencies)
        seen = 0
        for step, count in enumerate(self._latencies):
            seen += count
            if count and seen >= rank:
                return (step + 1) * LATENCY_STEP_S
        return 0.0

    def share_within(self, seconds: float) -> float:
        """The share of the answers that took no longer."""
        total = sum(self._latencies)
        return sum(self._latencies[: round(seconds / LATENCY_STEP_S)]) / total if total else 0.0

    def add(self, other: "Tally") -> None:
        """Count what became of other queries too."""
        for name in self._COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def copy(self) -> "Tally":
        """As it is now."""
        return self._with(Tally())

    def since(self, earlier: "Tally") -> "Tally":
        """What has happened after an earlier copy."""
        return self._with(Tally(), earlier)

    def _with(self, made: "Tally", earlier: "Tally | None" = None) -> "Tally":
        for name in self._COUNTS:
            setattr(made, name, getattr(self, name) - (getattr(earlier, name) if earlier else 0))
        made._latencies = self._latencies.copy()
        if earlier is not None:
            made._latencies = [now - then for now, then in zip(self._latencies, earlier._latencies, strict=True)]
        return made


class Load:
    """Asks until it is stopped. `tally` may be read at any time by any thread."""

    def __init__(self, target: Target, examples: Iterator[tuple[list[int], int]], pace: Pace) -> None:
        self.tally = Tally()
        self._target = target
        self._examples = examples
        self._pace = pace
        self._due: asyncio.Queue[float] = asyncio.Queue()
        self._judged: asyncio.Queue[tuple[int, int]] = asyncio.Queue(MAX_FEEDBACK_WAITING)
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it still asks or waits for answers."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> Tally:
        """Ask no more, wait for what is unanswered (within bounds), and say how it went."""
        self._stopping = True
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self.tally

    def _run(self) -> None:
        try:
            uvloop.run(self._ask_all())
        except BaseException as error:
            self._failure = error

    async def _ask_all(self) -> None:
        askers = [asyncio.create_task(self._ask_for_ever()) for _ in range(self._pace.connections)]
        teachers = [asyncio.create_task(self._teach_for_ever()) for _ in range(FEEDBACK_CONNECTIONS)]
        if self._pace.per_second is not None:
            await self._make_due(self._pace.per_second)
        await asyncio.gather(*askers)
        for teacher in teachers:
            teacher.cancel()
        await asyncio.gather(*teachers, return_exceptions=True)

    async def _make_due(self, per_second: float) -> None:
        """Queries become due at random moments (a Poisson process), the same ones at every run."""
        gaps = random.Random(0)  # noqa: S311 (arrivals, not secrets)
        due = monotonic()
        while not self._stopping:
            due += gaps.expovariate(per_second)
            while (wait_s := due - monotonic()) > 0:  # noqa: ASYNC110 (uvloop's clock ticks in ms: it may be early)
                await asyncio.sleep(max(wait_s, TICK_S))
            self._due.put_nowait(due)

    async def _ask_for_ever(self) -> None:
        while not self._is_over():
            try:
                reader, writer = await asyncio.open_connection(self._target.host, self._target.port)
            except OSError:
                await asyncio.sleep(RECONNECT_S)
                continue
            try:
                await self._converse(reader, writer)
            except (OSError, EOFError, TimeoutError):
                self.tally.broken += 1
            finally:
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask on one connection; whatever ends it leaves its last query counted as sent and not answered."""
        tally = self.tally
        while (due := await self._next_due()) is not None:
            image, label = next(self._examples)
            writer.write(self._target.request("predict", {"input": image}))
            tally.sent += 1
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                status, body = await _response(reader)
            tally.count_latency(monotonic() - due)
            tally.answered += 1
            if status != 200:
                tally.failed += 1
                continue
            self._judge(msgspec.json.decode(body, type=Reply), label)

    def _judge(self, reply: Reply, label: int) -> None:
        tally = self.tally
        tally.defaults += reply.default
        tally.right += reply.output == label
        if tally.answered % self._pace.feedback_every == 0 and not self._judged.full():
            self._judged.put_nowait((reply.query_id, label))

    async def _next_due(self) -> float | None:
        """When the next query was or is due; None if there is no other."""
        if self._pace.per_second is None:
            return None if self._is_over() else monotonic()
        while True:
            try:
                async with asyncio.timeout(RECONNECT_S):
                    return await self._due.get()
            except TimeoutError:
                if self._is_over():
                    return None

    def _is_over(self) -> bool:
        limit = self._pace.limit
        return (limit is not None and self.tally.sent >= limit) or (self._stopping and self._due.empty())

    async def _teach_for_ever(self) -> None:
        """Send the truth about some queries, one at a time, beside the queries."""
        reader, writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            while True:
                query_id, label = await self._judged.get()
                writer.write(self._target.request("update", {"query_id": query_id, "label": label}))
                status, _ = await _response(reader)
                self.tally.feedback += status == 200
        finally:
            writer.close()


async def _response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of one HTTP response with a `content-length`."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(head[9:12]), await reader.readexactly(int(length))
