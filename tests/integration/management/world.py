"""The parts of a controller on a store in memory, with scripted containers instead of processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from clipper.container.archive import pack
from clipper.container.bundle import Manifest, digest, write_bundle
from clipper.core.errors import ClipperError
from clipper.core.inputs import InputType
from clipper.management.bundles import BundleFolder
from clipper.management.config import ArtifactConfig, HomeFolder, SupervisionConfig
from clipper.management.deployments import Deployment, Deployments
from clipper.management.environments import EnvironmentFolder
from clipper.management.launchers import LaunchSpec
from clipper.management.logs import LogFiles
from clipper.management.operations import Operations
from clipper.management.supervision.bell import Bell
from clipper.management.supervision.replica import Workshop
from clipper.management.supervision.supervisor import Supervisor
from clipper.registry.entities import Model, Replica, ReplicaState
from clipper.registry.registry import Registry
from clipper.store import Transaction, Watch
from tests.integration.management.containers import FakeLauncher, FakeProcess, Script
from tests.unit.registry.world import World as Records

T = TypeVar("T")

MAX_BUNDLE_BYTES = 100_000
DEADLINE_S = 10.0

FAST = SupervisionConfig(
    start_timeout_s=5.0,
    example_timeout_s=1.0,
    dial_timeout_s=0.3,
    backoff_first_s=0.02,
    backoff_max_s=0.2,
    retire_drain_s=0.01,
    stop_grace_s=1.0,
    settle_s=0.01,
    sweep_s=0.02,
)


class MemoryStore(Records):
    """A store in memory that can be told to refuse."""

    is_local: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.refusal: ClipperError | None = None
        self.refuse: Callable[[Transaction], bool] = lambda _: True
        self.commits = 0

    def get(self, key: bytes) -> bytes | None:
        return self.records.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        return sorted(item for item in self.records.items() if item[0].startswith(prefix))

    def commit(self, transaction: Transaction) -> Future[bool]:
        done: Future[bool] = Future()
        if self.refusal is not None and self.refuse(transaction):
            done.set_exception(self.refusal)
        else:
            self.commits += 1
            done.set_result(self.apply(transaction))
        return done

    def watch(self, prefix: bytes) -> Watch:
        return CommitWatch(self)

    def close(self) -> None:
        pass


class CommitWatch:
    """True once after commits."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._seen = store.commits

    def changed(self) -> bool:
        changed = self._seen != self._store.commits
        self._seen = self._store.commits
        return changed


@dataclass
class World:
    """One controller's parts; several may follow one another on the same store, folder and launcher."""

    home: HomeFolder
    store: MemoryStore = field(default_factory=MemoryStore)
    launcher: FakeLauncher = field(default_factory=FakeLauncher)
    config: SupervisionConfig = FAST

    def __post_init__(self) -> None:
        self.home.prepare()
        bell = Bell()
        self.registry = Registry(self.store)
        self.logs = LogFiles(self.home.logs, ArtifactConfig())
        self.bundles = BundleFolder(self.home.bundles, MAX_BUNDLE_BYTES, self._referenced)
        self.environments = EnvironmentFolder(self.home.environments, {}, ArtifactConfig())
        workshop = Workshop(
            launcher=self.launcher,
            bundles=self.bundles,
            environments=self.environments,
            logs=self.logs,
            config=self.config,
            starts=asyncio.Semaphore(self.config.parallel_starts),
            sockets=self.home.sockets,
            save=self.registry.put_replica,
            changed=bell.ring,
            clock=asyncio.get_running_loop().time,
        )
        self.supervisor = Supervisor(self.registry, workshop, bell)
        self.deployments = Deployments(
            self.registry, self.supervisor, self.bundles, self.environments, self.home.deployments, self.config
        )
        self.operations = Operations(self.store, self.registry, self.supervisor, self.bundles, self.logs, self.config)

    def bundle(self, **fields: Any) -> str:
        """Put a bundle on disk as if it had been deployed; its digest."""
        folder = self.home.path / "packaged"
        package(folder, **fields)
        name = digest(folder)
        folder.rename(self.home.bundles / name)
        return name

    async def add_model(self, version: str = "1", replicas: int = 1, **fields: Any) -> Model:
        """Register a version of model `m` with a bundle of its own, and let the supervisor see it."""
        model = await self.add_model_only(version, replicas, **fields)
        self.supervisor.reconcile()
        return model

    async def add_model_only(self, version: str = "1", replicas: int = 1, **fields: Any) -> Model:
        """Register a version of model `m` with a bundle of its own."""
        model = Model(
            name="m",
            version=version,
            input_type=InputType.DOUBLES,
            bundle=self.bundle(description=version, **fields),
            replicas=replicas,
        )
        await self.registry.add_model(model, make_current=True)
        return model

    async def left_behind(self, script: Script, state: ReplicaState, version: str = "1") -> FakeProcess:
        """A live container of replica 0 of `m` with its record, as a killed controller leaves it."""
        spec = LaunchSpec(
            model="m",
            version=version,
            replica_id=0,
            bundle=Path(),
            python=Path(),
            isolated=False,
            address=f"unix:{self.home.sockets / 'left'}",
            token="7" * 64,
            log=self.logs.path("m", version, 0),
        )
        process = await self.launcher.begin(spec, script)
        record = Replica(
            model="m",
            version=version,
            replica_id=0,
            state=state,
            address=spec.address,
            token=spec.token,
            pid=process.pid,
            started_ticks=process.started_ticks,
            restarts=3,
        )
        await self.registry.put_replica(record)
        return process

    async def ready(self, version: str = "1", count: int = 1) -> None:
        """Wait until so many replicas of `m` are ready."""
        await self.supervisor.until_ready(("m", version), count, DEADLINE_S)

    def records(self, version: str = "1") -> list[Replica]:
        """What the registry says of the replicas of `m`."""
        return self.registry.snapshot().replicas_of("m", version)

    async def deploy(self, deployment: Deployment, **fields: Any) -> list[tuple[str, str]]:
        """Deploy a fresh bundle; what was reported."""
        reports: list[tuple[str, str]] = []
        upload = pieces(archive(self.home.path / "to-deploy", **fields))
        await self.deployments.deploy(deployment, upload, lambda *each: reports.append(each))
        return reports

    async def deploy_m(self) -> None:
        """Deploy version 1 of `m`, one replica."""
        await self.deploy(Deployment(model_name="m", model_version="1"))

    def _referenced(self) -> set[str]:
        return {each.bundle for each in self.registry.snapshot().models.values() if each.bundle is not None}


@asynccontextmanager
async def world(folder: Path, **fields: Any) -> AsyncIterator[World]:
    """A world whose supervisor runs."""
    made = World(HomeFolder(folder), **fields)
    async with running(made):
        yield made


@asynccontextmanager
async def running(made: World) -> AsyncIterator[World]:
    """Start the supervisor of a world, and stop it at the end."""
    made.supervisor.start()
    try:
        yield made
    finally:
        await made.deployments.close()
        await made.supervisor.stop()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fail after DEADLINE_S."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for does not know that it is
            await asyncio.sleep(0.005)


def package(folder: Path, **fields: Any) -> None:
    """Make a bundle; its function is never loaded here."""
    manifest = Manifest(
        framework="python", entry="function.pkl", input_type=InputType.DOUBLES, **{"example": [1.0, 2.0], **fields}
    )
    write_bundle(folder, manifest, {"function.pkl": b"code"})


def archive(folder: Path, **fields: Any) -> bytes:
    """A packed bundle."""
    package(folder, **fields)
    stream = BytesIO()
    pack(folder, stream)
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    return stream.getvalue()


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """An upload of `content`."""
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def run(test: Callable[[], Awaitable[T]]) -> T:
    """Run an asynchronous test in a loop of its own."""

    async def bounded() -> T:
        async with asyncio.timeout(6 * DEADLINE_S):
            return await test()

    return asyncio.run(bounded())
