"""Containers that a test can script: tasks of the test's own process that speak the real protocol on real sockets."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from clipper.core.errors import ClipperError
from clipper.core.inputs import InputType
from clipper.management.launchers import LaunchSpec
from clipper.wire.batches import ItemFailure, Outcome
from clipper.wire.frames import PROTOCOL_VERSION
from clipper.wire.handshake import Hello, Welcome, container_half
from clipper.wire.session import PingReceived, PredictReceived, Role, Session


@dataclass(frozen=True)
class Script:
    """How a container behaves.

    Attributes:
        crash: it ends at once with this exit code, having written `output`.
        listens: whether it ever does.
        outcome: what it answers to every input.
        token: what it proves itself with, instead of the one it was given.
        answers_probes: whether it answers a PING.
    """

    output: str = ""
    crash: int | None = None
    listens: bool = True
    outcome: Outcome = b"1.0"
    token: str | None = None
    answers_probes: bool = True


class FakeProcess:
    """A container that runs as tasks of this loop."""

    def __init__(self, pid: int, spec: LaunchSpec, script: Script) -> None:
        self.pid = pid
        self.started_ticks = 1000 + pid
        self.spec = spec
        self.script = script
        self.stops = 0
        self.peers = 0
        self.probes = 0
        self.priorities: list[str] = []
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def alive(self) -> bool:
        return not self._ended.done()

    async def start(self) -> None:
        with self.spec.log.open("a") as log:
            log.write(self.script.output)
        if self.script.crash is not None:
            self.end(f"exit code {self.script.crash}")
        elif self.script.listens:
            await self.listen()

    async def listen(self) -> None:
        path = self.spec.address.removeprefix("unix:")
        self._server = await asyncio.start_unix_server(self._serve, path, start_serving=False)
        await self._server.start_serving()

    def hang_up(self, *, for_good: bool) -> None:
        """Close every connection; `for_good` also the socket."""
        for each in self._connections:
            each.close()
        if for_good and self._server is not None:
            self._server.close()

    def end(self, how: str) -> None:
        """End as if by itself."""
        if not self._ended.done():
            self.hang_up(for_good=True)
            Path(self.spec.address.removeprefix("unix:")).unlink(missing_ok=True)
            self._ended.set_result(how)

    async def wait(self) -> str:
        return await asyncio.shield(self._ended)

    async def set_background(self, background: bool) -> None:
        self.priorities.append("low" if background else "normal")

    async def stop(self, grace_s: float) -> None:
        if self.alive:
            self.stops += 1
            self.end("exit code 0")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(Role.CONTAINER)
        self._connections.add(writer)
        self.peers += 1
        with suppress(ConnectionError, ClipperError):
            while data := await reader.read(65536):
                for event in session.receive(data):
                    if isinstance(event, Hello):
                        writer.write(session.send_welcome(self._welcome()))
                    elif isinstance(event, PingReceived) and self.script.answers_probes:
                        self.probes += 1
                        writer.write(session.send_pong(event.probe_id))
                    elif isinstance(event, PredictReceived):
                        writer.write(session.send_result(event.batch_id, [self.script.outcome] * event.batch.size, 1))
        self._connections.discard(writer)
        writer.close()

    def _welcome(self) -> Welcome:
        token = container_half(self.script.token or self.spec.token)
        return Welcome(PROTOCOL_VERSION, token, self.spec.model, self.spec.version, InputType.DOUBLES)


@dataclass
class FakeLauncher:
    """Starts scripted containers; `script` says how the next one behaves, by what it is to serve."""

    script: Callable[[LaunchSpec], Script] = field(default=lambda _: Script())
    started: list[FakeProcess] = field(default_factory=list)
    pids: "count[int]" = field(default_factory=lambda: count(1))

    async def launch(self, spec: LaunchSpec) -> FakeProcess:
        return await self.begin(spec, self.script(spec))

    async def begin(self, spec: LaunchSpec, script: Script) -> FakeProcess:
        process = FakeProcess(next(self.pids), spec, script)
        self.started.append(process)
        try:
            await process.start()
        except asyncio.CancelledError:
            process.end("never started")
            raise
        return process

    def find(self, pid: int, started_ticks: int) -> FakeProcess | None:
        for each in self.started:
            if (each.pid, each.started_ticks) == (pid, started_ticks) and each.alive:
                return each
        return None

    @property
    def alive(self) -> list[FakeProcess]:
        return [each for each in self.started if each.alive]


FAILS_EXAMPLE = Script(outcome=ItemFailure("ValueError: not this"))
CRASHES = Script(output="Traceback (most recent call last):\nValueError: no weights\n", crash=4)
NEVER_LISTENS = Script(output="downloading the internet\n", listens=False)
