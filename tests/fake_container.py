"""A container on the event loop of the test, which does what the test's script says, well or badly."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from clipper.core.inputs import Input, InputType
from clipper.wire.batches import InputBatch, ItemFailure, Outcome
from clipper.wire.handshake import Hello, Reject, Welcome, container_half, dialer_half
from clipper.wire.session import Event, GoodbyeReceived, PongReceived, PredictReceived, Role, Session, State
from tests.wire.arrays import TOKEN, inputs_of

Behaviour: TypeAlias = Callable[["Peer", int, InputBatch], Awaitable[None]]


class Peer:
    """One connection to the fake: what came over it, and ways to answer."""

    def __init__(self, container: "FakeContainer", writer: asyncio.StreamWriter) -> None:
        self.container = container
        self.session = Session(Role.CONTAINER)
        self.hello: Hello | None = None
        self.pongs: list[int] = []
        self._writer = writer

    def answer(self, batch_id: int, outcomes: list[Outcome], compute_s: float = 0.001) -> None:
        self.write(self.session.send_result(batch_id, outcomes, round(compute_s * 1e9)))

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def close(self) -> None:
        self._writer.close()

    async def handle(self, event: Event) -> None:
        container = self.container
        match event:
            case Hello():
                self.hello = event
                self._greet(event)
            case PredictReceived(batch_id, batch):
                container.batches.append(inputs_of(batch))
                container.arrived.set()
                await container.behaviour(self, batch_id, batch)
            case PongReceived(probe_id):
                self.pongs.append(probe_id)
                container.arrived.set()
            case GoodbyeReceived():
                self.close()
            case _:
                raise AssertionError(f"a container is not sent {event}")

    def _greet(self, hello: Hello) -> None:
        container = self.container
        if not container.greets:
            return
        if hello.token != dialer_half(container.token):
            self.write(self.session.send_reject(Reject("token", "wrong token")))
            self.close()
            return
        self.write(self.session.send_welcome(Welcome(1, container.welcome_token, "m", "1", InputType.DOUBLES)))
        container.arrived.set()


class FakeContainer:
    """Listens on a unix socket from `async with` on; afterwards nothing of it is left.

    Attributes:
        behaviour: what to do with a batch; may be replaced at any time.
        batches: the inputs of every batch that came, in order.
        peers: every connection there has been, in order.
        arrived: set whenever something came.
    """

    def __init__(self, path: Path, behaviour: Behaviour | None = None, token: str = TOKEN) -> None:
        self.path = path
        self.address = f"unix:{path}"
        self.behaviour = behaviour or echo
        self.token = token
        self.welcome_token = container_half(token)
        self.greets = True
        self.batches: list[list[Input]] = []
        self.peers: list[Peer] = []
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def payloads(self) -> list[bytes]:
        """Every input that came, in order."""
        return [each.payload for batch in self.batches for each in batch]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """As when the process is killed: every connection breaks, nobody listens."""
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has come that makes `condition` true."""
        while not condition():
            self.arrived.clear()
            await self.arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        peer = Peer(self, writer)
        self.peers.append(peer)
        try:
            while data := await reader.read(1 << 16):
                if peer.session.state is State.CLOSED:
                    break  # it has said goodbye, which may cross a batch
                for event in peer.session.receive(data):
                    await peer.handle(event)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


async def echo(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Answer each input with its own bytes."""
    peer.answer(batch_id, echoed(batch))


async def never(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Say nothing."""


async def close(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """End in the middle of the batch."""
    peer.close()


async def goodbye(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Leave politely, without an answer."""
    if peer.session.state is State.CLOSED:
        return
    peer.write(peer.session.send_goodbye())


async def garbage(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Write what is no frame."""
    peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def too_many(extra: int) -> Behaviour:
    """Answer `extra` more outcomes than inputs (fewer, if negative)."""

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        outcomes: list[Outcome] = [b"0"] * (batch.size + extra)
        peer.answer(batch_id, outcomes)

    return behave


async def unknown_batch(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Answer a batch that was never sent."""
    peer.answer(batch_id + 1000, echoed(batch))


async def fail_items(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Fail every second input."""
    outcomes = echoed(batch)
    outcomes[1::2] = [ItemFailure("ValueError: odd one")] * len(outcomes[1::2])
    peer.answer(batch_id, outcomes)


def after(delay_s: float, behaviour: Behaviour = echo) -> Behaviour:
    """The same, later."""

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        await asyncio.sleep(delay_s)
        await behaviour(peer, batch_id, batch)

    return behave


def first(count: int, behaviour: Behaviour, then: Behaviour = echo) -> Behaviour:
    """Another behaviour for the first `count` batches."""
    left = count

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        nonlocal left
        left -= 1
        await (behaviour if left >= 0 else then)(peer, batch_id, batch)

    return behave


def echoed(batch: InputBatch) -> list[Outcome]:
    """Each input's bytes."""
    return [bytes(row) for row in batch.rows()]
