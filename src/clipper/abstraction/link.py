"""One connection from this process to one container: the wire session on an asyncio transport, redialled for ever.

Knows bytes, batches and time-outs; does not know queues or queries. Rows of large batches pass to a container on this
machine through shared memory, else through the socket.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from clipper.abstraction.arena import Arena
from clipper.core.errors import ClipperError
from clipper.core.inputs import Input
from clipper.wire.batches import ResultBatch
from clipper.wire.handshake import Welcome, container_half, dialer_half, same_token
from clipper.wire.session import (
    GoodbyeReceived,
    PingReceived,
    ResultReceived,
    Role,
    Session,
    State,
)

MIN_SHARED_BYTES = 64 * 1024
"""Batches with rows of this size and more take the arena; a socket costs no more below it, and 4 times as much at 2 MB
(`python -m benchmarks.arena`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """Settings of the connections to containers."""

    handshake_timeout_s: float = 5.0
    """A container answers its HELLO between two batches; past this it is redialled."""

    redial_first_s: float = 0.01
    """A container that was just announced may need a moment to listen."""

    redial_max_s: float = 1.0
    """Bounds the load of redialling a container that stays away."""


class LinkOwner(Protocol):
    """Who uses the link."""

    def link_ready(self) -> None:
        """The container has been greeted; batches may be sent."""

    def link_result(self, batch_id: int, result: ResultBatch) -> None:
        """The container has answered a batch."""

    def link_lost(self) -> None:
        """The connection is gone, and with it every batch that was not answered."""


class Link:
    """Keeps one connection to `address` alive between `start()` and `stop()`."""

    def __init__(self, address: str, token: str, peer: str, config: LinkConfig) -> None:
        self.endpoint = (address, token)
        self._peer = peer
        self._config = config
        self._connection: _Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.last_error = ""

    def __repr__(self) -> str:
        return f"<Link {self.endpoint[0]}: {'ready' if self.ready else 'down'} {self.last_error}>"

    @property
    def ready(self) -> bool:
        """Whether a batch may be sent now: false from the moment in which the connection ends, before that is told."""
        connection = self._connection
        return connection is not None and connection.greeted and not connection.ended

    def start(self, owner: LinkOwner) -> None:
        """Begin to dial, and tell `owner` what comes of it."""
        self._task = asyncio.get_running_loop().create_task(self._dial_for_ever(owner), name=f"link {self.endpoint[0]}")

    async def stop(self) -> None:
        """Say goodbye and close; batches in flight are reported lost."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def send(self, batch_id: int, inputs: list[Input]) -> None:
        """Send a batch; only while `ready`. Raises LocalProtocolError if it exceeds the frame limit."""
        assert self._connection is not None
        self._connection.send(batch_id, inputs)

    def drop(self, reason: str) -> None:
        """Close the present connection (it will be dialled again), because the container broke its word."""
        if self._connection is not None:
            self._connection.fail(reason)

    async def _dial_for_ever(self, owner: LinkOwner) -> None:
        address, token = self.endpoint
        delay_s = self._config.redial_first_s
        while True:
            connection = _Connection(self._peer, token, owner.link_result)
            self._connection = connection
            try:
                async with asyncio.timeout(self._config.handshake_timeout_s):
                    await _open(address, connection)
                    await connection.welcomed
                delay_s = self._config.redial_first_s
                connection.greeted = True
                if self.ready:
                    owner.link_ready()
                await connection.closed
                self.last_error = connection.error
            except (OSError, TimeoutError, ClipperError) as error:
                self.last_error = str(error) or type(error).__name__
            finally:
                connection.close()
                if connection.greeted:
                    owner.link_lost()
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, self._config.redial_max_s)


class _Connection(asyncio.Protocol):
    """One attempt: from the dial to the loss of the connection."""

    def __init__(self, peer: str, token: str, on_result: Callable[[int, ResultBatch], None]) -> None:
        self._session = Session(Role.DIALER)
        self._peer = peer
        self._token = token
        self._on_result = on_result
        self._transport: asyncio.Transport | None = None
        self._arena: Arena | None = None
        self._shares = False
        loop = asyncio.get_running_loop()
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.greeted = False
        self.ended = False
        self.error = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's
        self._transport = transport = cast(asyncio.Transport, transport)
        if self._session.state is State.NEW:
            transport.write(self._session.send_hello(dialer_half(self._token), self._peer))

    def introduce(self, connected: socket.socket) -> None:
        """Say hello over a unix socket that has no transport yet: only so our memory's descriptor can go along."""
        with contextlib.suppress(OSError):
            self._arena = Arena()
        arena = self._arena
        hello = self._session.send_hello(dialer_half(self._token), self._peer, 0 if arena is None else arena.size)
        sent = socket.send_fds(connected, [hello], [] if arena is None else [arena.descriptor])
        if sent < len(hello):
            raise ConnectionError("The container does not take a whole greeting")

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._session.receive(data):
                if type(event) is ResultReceived:
                    self._release(event.batch_id)
                    self._on_result(event.batch_id, event.result)
                else:
                    self._handle(event)
        except ClipperError as error:
            self.fail(error.message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._transport = None
        if exc is not None and not self.error:
            self.error = str(exc)
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionError(self.error or "The container closed the connection"))
        if not self.closed.done():
            self.closed.set_result(None)

    def send(self, batch_id: int, inputs: list[Input]) -> None:
        transport = self._transport
        assert transport is not None
        if len(inputs[0].payload) * len(inputs) < MIN_SHARED_BYTES:  # the others are of about the same size
            transport.write(self._session.send_predict(batch_id, inputs))
            return
        offset = self._put_in_arena(batch_id, inputs)
        if offset >= 0:
            transport.write(self._session.send_predict_in_arena(batch_id, inputs, offset))
        else:
            transport.writelines(self._session.send_predict_parts(batch_id, inputs))

    def fail(self, reason: str) -> None:
        self.ended = True
        self.error = reason
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        self.ended = True
        if self._transport is not None:
            if self._session.state is State.READY:
                self._transport.write(self._session.send_goodbye())
            self._transport.close()
        self.welcomed.cancel()
        self._shares = False
        if self._arena is not None:
            self._arena.close()
            self._arena = None

    def _put_in_arena(self, batch_id: int, inputs: list[Input]) -> int:
        if not self._shares:
            return -1
        assert self._arena is not None
        return self._arena.put(batch_id, inputs)

    def _release(self, batch_id: int) -> None:
        if self._arena is not None:
            self._arena.free(batch_id)

    def _handle(self, event: object) -> None:
        assert self._transport is not None
        match event:
            case Welcome(token=token, arena=takes_arena):
                if self.welcomed.done():
                    pass  # stopped, or given up, meanwhile
                elif same_token(token, container_half(self._token)):
                    self._shares = takes_arena and self._arena is not None
                    self.welcomed.set_result(None)
                else:
                    self.fail("The container does not hold the token it was started with")
            case PingReceived(probe_id):
                self._transport.write(self._session.send_pong(probe_id))
            case GoodbyeReceived():
                self.ended = True
                self._transport.close()
            case _:
                self.fail(f"The container refused the link: {event}")


async def _open(address: str, connection: _Connection) -> None:
    loop = asyncio.get_running_loop()
    scheme, _, place = address.partition(":")
    if scheme == "unix":
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await loop.sock_connect(connected, place)
            connection.introduce(connected)
            await loop.create_unix_connection(lambda: connection, sock=connected)
        except BaseException:
            connected.close()
            raise
    else:
        host, _, port = place.removeprefix("//").rpartition(":")
        await loop.create_connection(lambda: connection, host, int(port))
