"""The path of a query inside one process: everything is real but the transports and the container.

Requests go into the connections as an event loop hands them over, in turns of 64; the frontend's own link sends two
batches of 32, each is answered at once with a ready-made RESULT, and the answers end in transports that keep the last.
"""

import asyncio
import contextlib
import gc
import random
import struct
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.bodies import DIGITS, JSON, Shot, json_bodies
from benchmarks.cases import RequestFormat
from clipper.abstraction.cache import CacheConfig
from clipper.abstraction.layer import ModelLayerConfig
from clipper.core.clock import monotonic
from clipper.core.inputs import InputType
from clipper.engine.engine import Engine, EngineConfig
from clipper.engine.journal import JournalConfig
from clipper.frontend.config import FrontendConfig
from clipper.frontend.connection import Connection, Connections
from clipper.frontend.exposition import Exposition
from clipper.frontend.service import QueryService
from clipper.frontend.siblings import Siblings
from clipper.registry.entities import Application, Model, Replica, ReplicaState
from clipper.registry.registry import Registry
from clipper.store import LmdbStore
from clipper.wire.batches import encode_result
from clipper.wire.frames import HEADER, HEADER_SIZE, PROTOCOL_VERSION, MessageType
from clipper.wire.handshake import Hello, Welcome, container_half
from clipper.wire.session import Role, Session

CONNECTIONS = 64
BATCH = 32
SLO_MICROS = 30_000_000  # nothing may be late, however slowly it is traced
APPLICATION = "bench"
MODEL = ("model", "1")
TOKEN = "0123456789abcdef" * 4
OUTPUT = b"3.4028234663852886"
MAX_TURNS = 20  # of the event loop, in which all must have happened; from requests to batches it takes two
BODIES = 4096  # different ones; the digits make every request different
PORT = 1337  # only in the requests' Host header

SMALL = EngineConfig(
    models=ModelLayerConfig(cache=CacheConfig(max_bytes=500_000)), journal=JournalConfig(max_queries=2048)
)
"""Full after a few thousand queries: about 700 cached outputs, 2048 remembered queries."""

DIAL = "clipper.abstraction.link._open"
"""The one private name that is replaced: how a link opens its connection."""

_COUNT = struct.Struct("<I")


class WrongAnswer(Exception):
    """The path did not do what is measured here."""


class Transport(asyncio.Transport):
    """Takes what is written, as `write` does it."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self.write = write  # type: ignore[assignment,method-assign]  # a call less than a method's

    def close(self) -> None:
        """There is nothing to close."""

    def is_closing(self) -> bool:
        return False


class Container:
    """Stands for a model's container: greets whoever dials, and answers a batch without looking at its inputs."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._results: dict[int, bytes] = {}
        self._link: asyncio.Protocol

    async def accept(self, _address: str, link: asyncio.Protocol) -> None:
        """Instead of a connection to a socket."""
        self._link = link
        link.connection_made(Transport(self.frames.append))
        session = Session(Role.CONTAINER)
        (hello,) = session.receive(self.frames.pop())
        assert isinstance(hello, Hello)
        welcome = Welcome(PROTOCOL_VERSION, container_half(TOKEN), *MODEL, InputType.DOUBLES)
        link.data_received(session.send_welcome(welcome))

    def answer(self) -> None:
        """Send the outcomes of every batch that has come, and of those held back until then."""
        while self.frames:
            frames = self.frames.copy()
            self.frames.clear()
            for frame in frames:
                self._link.data_received(self._result(frame))

    def _result(self, frame: bytes) -> bytes:
        batch_id: int = HEADER.unpack_from(frame)[4]
        size: int = _COUNT.unpack_from(frame, HEADER_SIZE)[0]
        body = self._results.get(size)
        if body is None:
            body = self._results[size] = encode_result(0, [OUTPUT] * size, 1000)[HEADER_SIZE:]
        return HEADER.pack(len(body), MessageType.RESULT, 0, 0, batch_id) + body


class Rig:
    """One frontend's inside with 64 clients and one container."""

    def __init__(self, engine: Engine, connections: Connections, container: Container) -> None:
        self._engine = engine
        self._container = container
        self._answers: list[deque[bytes]] = [deque(maxlen=1) for _ in range(CONNECTIONS)]
        self._clients: list[Connection] = []
        for answers in self._answers:
            client = connections.accept()
            client.connection_made(Transport(answers.append))
            self._clients.append(client)

    async def answer(self, asked: Sequence[bytes]) -> float:
        """Microseconds per query for all of them. Raises WrongAnswer unless each was predicted, in batches of 32."""
        before = self._counts()
        began = time.perf_counter()
        await self._turns(asked)
        took_s = time.perf_counter() - began
        after = self._counts()
        queries, batches, defaults = (now - then for now, then in zip(after, before, strict=True))
        if (queries, batches, defaults) != (len(asked), len(asked) // BATCH, 0) or not self._all_predicted():
            raise WrongAnswer(f"{len(asked)} asked: {queries} answered in {batches} batches, {defaults} defaults")
        return took_s / len(asked) * 1e6

    async def _turns(self, asked: Sequence[bytes]) -> None:
        container = self._container
        for start in range(0, len(asked), CONNECTIONS):
            for client, request in zip(self._clients, asked[start : start + CONNECTIONS], strict=True):
                client.data_received(request)
            for _ in range(MAX_TURNS):
                if container.frames:
                    break
                await asyncio.sleep(0)
            container.answer()
        await asyncio.sleep(0)  # the last answers are sent

    def _counts(self) -> tuple[int, int, int]:
        application = self._engine.measures[APPLICATION]
        replica = self._engine.models[MODEL].replicas[0]
        return application.queries, replica.measures.batches, sum(application.defaults.values())

    def _all_predicted(self) -> bool:
        last = [answers[-1] for answers in self._answers]
        return all(answer.startswith(b"HTTP/1.1 200") and OUTPUT in answer for answer in last)


def different_requests(count: int) -> list[bytes]:
    """As the load generators send them, no two with the same input."""
    request = RequestFormat(f"/{APPLICATION}/predict")
    bodies = list(json_bodies(np.random.default_rng().random((min(BODIES, count), 8)), request))
    shot = Shot(request.path, JSON, Path())
    first = random.randrange(10**DIGITS)
    made = []
    for number in range(count):
        data, at = bodies[number % len(bodies)].data, bodies[number % len(bodies)].at
        digits = b"%08d" % ((first + number) % 10**DIGITS)
        made.append(shot.head(PORT, len(data)) + data[:at] + digits + data[at + DIGITS :])
    return made


@contextlib.asynccontextmanager
async def steady_rig(config: EngineConfig = SMALL, warm_up: int = 100 * CONNECTIONS) -> AsyncIterator[Rig]:
    """A rig whose cache and journal are full after `warm_up` queries, with garbage collected as in a frontend."""
    container = Container()
    siblings = Siblings(0, [Path("nowhere")], lambda _index: 1)
    async with _engine(config, container) as engine:
        service = QueryService(engine, FrontendConfig(), Exposition(engine, siblings), siblings)
        call_soon = asyncio.get_running_loop().call_soon
        rig = Rig(engine, Connections(FrontendConfig(), service, monotonic, call_soon), container)
        await rig.answer(different_requests(warm_up))
        with _collected_as_in_a_frontend():
            yield rig


@contextlib.asynccontextmanager
async def _engine(config: EngineConfig, container: Container) -> AsyncIterator[Engine]:
    """One that has been linked to `container`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LmdbStore.open(Path(folder)) as store,
        mock.patch(DIAL, container.accept),
    ):
        await _register(Registry(store))
        engine = Engine(store, config, 1, "profile", monotonic)
        engine.start()
        try:
            for _ in range(MAX_TURNS):  # to be welcomed by the container
                await asyncio.sleep(0)
            yield engine
        finally:
            await engine.stop()


@contextlib.contextmanager
def _collected_as_in_a_frontend() -> Iterator[None]:
    """Garbage collection set as `frontend.process` sets it."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def _register(registry: Registry) -> None:
    name, version = MODEL
    model = Model(
        name=name, version=version, input_type=InputType.DOUBLES, batch_size=BATCH, bundle="bundle", replicas=1
    )
    application = Application(
        name=APPLICATION,
        input_type=InputType.DOUBLES,
        default_output="-1",
        latency_slo_micros=SLO_MICROS,
        models=(name,),
    )
    replica = Replica(
        model=name, version=version, replica_id=0, state=ReplicaState.READY, address="unix:/nowhere", token=TOKEN
    )
    await registry.add_model(model, make_current=True)
    await registry.add_application(application)
    await registry.put_replica(replica)
