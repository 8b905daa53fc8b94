"""A connection without a network: a transport that records, a clock that is set, a handler that answers when told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from clipper.frontend.config import FrontendConfig
from clipper.frontend.connection import Connection, Connections, Exchange, Handler
from clipper.frontend.requests import Head


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; `closed`, `aborted` and `ended` say what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.aborted = self.ended = self._paused = False
        self.closing = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after close"
        assert not self.ended, "written after the end"
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True
        self.closing.set()

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_reading(self) -> bool:
        return not self._paused

    def pause_reading(self) -> None:
        assert not self.closed
        self._paused = True

    def resume_reading(self) -> None:
        assert not self.closed
        self._paused = False


class LaterHandler(Handler):
    """Reserves a place for each request; the test answers it."""

    def __init__(self) -> None:
        self.seen: list[tuple[Head, bytes]] = []
        self.exchanges: list[Exchange] = []

    def prepare(self) -> None:
        """Nothing can have changed."""

    def handle(self, connection: Connection, head: Head, body: bytes, now: float) -> None:
        exchange = Exchange(connection)
        connection.expect(exchange)
        self.seen.append((head, body))
        self.exchanges.append(exchange)

    def answer(self, number: int, text: bytes | None = None) -> None:
        """Answer the `number`-th request of all."""
        self.exchanges[number].respond(ok(b"%d" % number if text is None else text))


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def closing(body: bytes) -> bytes:
    return ok(body).replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


@dataclass
class Wiring:
    """Connections whose clock stands still until `now` is set. `in_turns`: what is called soon waits for `turn()`."""

    config: FrontendConfig = field(default_factory=FrontendConfig)
    now: float = 1000.0
    in_turns: bool = False

    def __post_init__(self) -> None:
        self.handler = LaterHandler()
        self.soon: list[Callable[[], None]] = []
        self.connections = Connections(self.config, self.handler, lambda: self.now, self._call_soon)

    def connect(self) -> tuple[Connection, RecordingTransport]:
        connection, transport = self.connections.accept(), RecordingTransport()
        connection.connection_made(transport)
        return connection, transport

    def turn(self) -> None:
        """The next turn of the event loop."""
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()

    def _call_soon(self, callback: Callable[[], None]) -> None:
        if self.in_turns:
            self.soon.append(callback)
        else:
            callback()

    def after(self, seconds: float) -> None:
        """Let time pass, then enforce the time-outs."""
        self.now += seconds
        self.connections.sweep()
