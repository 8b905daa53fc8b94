"""Queries each of which is followed by its feedback, over HTTP: what learns from answers one after the other.

Every script has a connection of its own and waits for each acknowledgement before it asks again; all scripts run at
once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, cast

import msgspec
import uvloop

HEAD_END = b"\r\n\r\n"
LIMIT_S = 60.0  # for one reply: far above any objective
REPORT_S = 10.0


class Turn(NamedTuple):
    """A query as JSON fields without braces, and the truth about it as a JSON value; None: nothing is told."""

    query: bytes
    label: bytes | None = None


@dataclass(frozen=True)
class Script:
    """What is said to one application, in this order."""

    application: str
    turns: Sequence[Turn]


class Reply(msgspec.Struct):
    """What the query frontend answers."""

    query_id: int
    output: Any
    default: bool
    default_explanation: str = ""
    confidence: float | None = None
    models: dict[str, float] | None = None
    missing: list[str] = []
    cache: str | None = None
    latency_ms: float = 0.0  # as it was seen here
    feedback_ms: float = 0.0  # until the feedback on it was acknowledged


class ConversationError(Exception):
    """A query or a feedback was refused, or the connection was lost."""


@dataclass
class _Talk(asyncio.Protocol):
    """One script on one connection."""

    script: Script
    done: asyncio.Future[None]
    replies: list[Reply] = field(default_factory=list)
    transport: asyncio.WriteTransport | None = None
    buffer: bytes = b""
    told: bool = True  # the feedback on the last reply has been acknowledged, or there was none
    asked_at: float = 0.0
    decoder: msgspec.json.Decoder[Reply] = field(default_factory=lambda: msgspec.json.Decoder(Reply))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(HEAD_END)
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if head[9:12] != b"200":
            self._fail(f"{self.script.application}: {head[9:12].decode()} {rest[:300].decode(errors='replace')}")
        elif self.told:
            self._answered(rest[:length])
        else:
            self.told = True
            self.replies[-1].feedback_ms = (perf_counter() - self.asked_at) * 1000
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"{self.script.application}: the connection was lost: {exc}")

    def _answered(self, body: bytes) -> None:
        reply = self.decoder.decode(body)
        reply.latency_ms = (perf_counter() - self.asked_at) * 1000
        label = self.script.turns[len(self.replies)].label
        self.replies.append(reply)
        if label is None:
            self._ask()
        else:
            self.told, self.asked_at = False, perf_counter()
            self._post(b"update", b'{"query_id": %d, "label": %b}' % (reply.query_id, label))

    def _ask(self) -> None:
        if len(self.replies) < len(self.script.turns):
            self.asked_at = perf_counter()
            self._post(b"predict", b"{%b}" % self.script.turns[len(self.replies)].query)
        elif not self.done.done():
            self.done.set_result(None)

    def _post(self, verb: bytes, body: bytes) -> None:
        assert self.transport is not None
        self.transport.write(
            b"POST /%b/%b HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (self.script.application.encode(), verb, len(body), body)
        )

    def _fail(self, message: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConversationError(message))


def converse(port: int, scripts: Sequence[Script], tell: Callable[[str], None]) -> list[list[Reply]]:
    """The replies to each script. Raises ConversationError for a refusal, TimeoutError if nothing moves any more."""
    return uvloop.run(_converse(port, scripts, tell))


def _itself(talk: _Talk) -> _Talk:
    return talk


async def _converse(port: int, scripts: Sequence[Script], tell: Callable[[str], None]) -> list[list[Reply]]:
    loop = asyncio.get_running_loop()
    talks = [_Talk(script, loop.create_future()) for script in scripts]
    transports = [(await loop.create_connection(partial(_itself, talk), "127.0.0.1", port))[0] for talk in talks]
    try:
        await _follow(talks, tell)
    finally:
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)  # a transport is closed in the loop's next turn
    return [talk.replies for talk in talks]


async def _follow(talks: Sequence[_Talk], tell: Callable[[str], None]) -> None:
    """Until all have said what they had to, telling how far they are."""
    total, began, moved = sum(len(talk.script.turns) for talk in talks), perf_counter(), (0, perf_counter())
    waiting: set[asyncio.Future[None]] = {talk.done for talk in talks}
    while waiting:
        finished, waiting = await asyncio.wait(waiting, timeout=REPORT_S, return_when=asyncio.FIRST_EXCEPTION)
        for each in finished:
            each.result()
        count = sum(len(talk.replies) for talk in talks)
        if count > moved[0]:
            moved = count, perf_counter()
        elif waiting and perf_counter() - moved[1] > LIMIT_S:
            raise TimeoutError(f"no reply for {LIMIT_S:g} s")
        if waiting:
            tell(f"{count:,} of {total:,} queries, {count / (perf_counter() - began):,.0f} per second")
