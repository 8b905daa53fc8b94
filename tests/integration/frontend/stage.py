"""A real query frontend process, real sockets, a real store; its containers are scripted, in a thread of the test."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from clipper.core.inputs import InputType
from clipper.frontend.config import FrontendConfig
from clipper.management import HomeFolder
from clipper.registry.entities import Application, Model, Replica, ReplicaState
from clipper.registry.registry import Registry
from clipper.server.handover import private_sockets, save_settings
from clipper.server.sockets import listen_queries
from clipper.settings import ServeSettings
from clipper.store import LmdbStore, StoreConfig
from tests.fake_container import Behaviour, FakeContainer
from tests.integration.frontend.client import Client
from tests.wire.arrays import TOKEN

T = TypeVar("T")

PATIENCE_S = 30.0


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds, or fail."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.01)


@dataclass(frozen=True)
class Served:
    """An application of its own, its one model of the same name, and that model's containers."""

    name: str
    containers: list[FakeContainer]

    @property
    def batches(self) -> int:
        return sum(len(each.batches) for each in self.containers)


class Frontend:
    """One process of `clipper.server.frontend`."""

    def __init__(self, home: HomeFolder, index: int, listener: socket.socket) -> None:
        command = [sys.executable, "-m", "clipper.server.frontend", str(home.path), str(listener.fileno())]
        self.process = subprocess.Popen(
            [*command, str(index), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
        self._said: list[bytes] = []
        self._listening = threading.Thread(target=self._listen, name="stderr")
        self._listening.start()

    @property
    def complaints(self) -> str:
        """What it has written to standard error."""
        return b"".join(self._said).decode()

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> int:
        """Drain it; the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()
            self._listening.join()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._said.append(line)


class Stage:
    """Frontends on one port, and what they serve. `with` starts and stops it; `states` says where states are kept."""

    def __init__(
        self,
        folder: Path,
        config: FrontendConfig | None = None,
        frontends: int = 1,
        states: StoreConfig | None = None,
    ) -> None:
        self.home = HomeFolder(folder)
        self._settings = ServeSettings(
            home=folder, frontends=frontends, frontend=config or FrontendConfig(), store=states or StoreConfig()
        )
        self.may_complain = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="containers")
        self._containers: list[FakeContainer] = []
        self._names = 0
        self.frontends: list[Frontend] = []

    def __enter__(self) -> Self:
        self.home.prepare()
        save_settings(self._settings, self.home)
        self._thread.start()
        self._store = LmdbStore.open(self.home.store, self._settings.store)
        self.registry = Registry(self._store)
        self._listeners = listen_queries("127.0.0.1", 0, self._settings.frontends)
        self.port: int = self._listeners[0].getsockname()[1]
        self.frontends = [Frontend(self.home, index, each) for index, each in enumerate(self._listeners)]
        for path in private_sockets(self._settings, self.home):
            eventually(lambda path=path: answers(path), f"{path} does not answer")  # type: ignore[misc]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        codes = [each.stop() for each in self.frontends]
        for each in self._listeners:
            each.close()
        for container in self._containers:
            self.call(container.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._store.close()
        if kind is None:
            assert codes == [0] * len(codes)
        if kind is None and not self.may_complain:
            assert [each.complaints for each in self.frontends] == [""] * len(codes)

    @property
    def frontend(self) -> Frontend:
        """The only one."""
        (frontend,) = self.frontends
        return frontend

    def stop_listening(self, index: int) -> None:
        """Close the listener of a frontend that was stopped: what connects goes to the others."""
        self._listeners[index].close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the containers' loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def client(self) -> Client:
        return Client(self.port)

    def serve(
        self,
        *behaviours: Behaviour,
        input_type: InputType = InputType.DOUBLES,
        slo_ms: float = 10_000,
        batch_size: int = -1,
        default: str = "-1",
    ) -> Served:
        """A new application with a model that has a container for each behaviour, all linked."""
        self._names += 1
        served = Served(f"app{self._names}", [])
        model = Model(name=served.name, version="1", input_type=input_type, batch_size=batch_size)
        self.call(self.registry.add_model(model, make_current=True))
        application = Application(
            name=served.name,
            input_type=input_type,
            default_output=default,
            latency_slo_micros=round(slo_ms * 1000),
            models=(served.name,),
        )
        self.call(self.registry.add_application(application))
        for behaviour in behaviours:
            served.containers.append(self.add_replica(served.name, behaviour))
        return served

    def add_replica(self, model: str, behaviour: Behaviour, version: str = "1") -> FakeContainer:
        """A container that every frontend has greeted."""
        container = FakeContainer(self.home.run / f"{len(self._containers)}", behaviour)
        self._containers.append(container)
        self.call(container.__aenter__())
        replica_id = self.registry.snapshot().next_replica_id(model, version)
        self.call(
            self.registry.put_replica(
                Replica(
                    model=model,
                    version=version,
                    replica_id=replica_id,
                    state=ReplicaState.READY,
                    address=container.address,
                    token=TOKEN,
                )
            )
        )
        greeted = len(self.frontends)
        self.call(container.until(lambda: sum(peer.hello is not None for peer in container.peers) >= greeted))
        return container

    def withdraw(self, served: Served) -> None:
        """Remove an application with its model and replicas."""
        self.call(self.registry.delete_application(served.name))
        self.call(self.registry.delete_model(served.name))
        for each in self.registry.snapshot().replicas_of(served.name, "1"):
            self.call(self.registry.delete_replica(served.name, "1", each.replica_id))
        for container in served.containers:
            self.call(container.stop())
            self._containers.remove(container)


def answers(path: Path) -> bool:
    """Whether a frontend answers on its private socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        return connection.recv(15) == b"HTTP/1.1 200 OK"
