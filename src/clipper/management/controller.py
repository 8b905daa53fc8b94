"""The controller: wires the parts of the management plane, serves until it is told to stop, stops what it started."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette

from clipper.management.admin.api import AdminApi
from clipper.management.admin.app import AdminApplication
from clipper.management.admin.auth import Guard, load_or_create_token, require_loopback
from clipper.management.admin.metrics import ManagementMetrics, StateCollector
from clipper.management.admin.states import StatesEndpoint
from clipper.management.admin.uploads import DeployEndpoint
from clipper.management.bundles import BundleFolder
from clipper.management.config import AdminConfig, ControllerConfig, HomeFolder
from clipper.management.deployments import Deployments
from clipper.management.environment_use import EnvironmentUse
from clipper.management.environments import EnvironmentFolder
from clipper.management.launchers import LocalLauncher
from clipper.management.logs import LogFiles
from clipper.management.operations import Operations
from clipper.management.selection.comparison import Comparison
from clipper.management.selection.frontends import Frontends
from clipper.management.selection.verdicts import Verdicts
from clipper.management.supervision.bell import Bell
from clipper.management.supervision.replica import Workshop
from clipper.management.supervision.supervisor import Supervisor
from clipper.registry.registry import Registry
from clipper.store import LmdbStore, Store, states_store


async def run_controller(config: ControllerConfig, sockets: list[socket.socket]) -> None:
    """Serve the admin REST on bound `sockets` until SIGTERM or SIGINT; then stop every container and return.

    Closes the sockets. If it is killed instead, the containers live on, and the next one adopts them.

    Raises:
        ClipperError: INVALID_ARGUMENT for a home or sockets that cannot do, STORE_FAILED or STORE_FULL.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if config.admin_auth == "none":
        require_loopback(sockets)
    home = HomeFolder(config.home)
    home.prepare()
    with LmdbStore.open(home.store, config.store) as store, states_store(config.store, store) as states:
        controller = Controller(config, home, store, states)
        async with controller.running():
            server = _Server(_uvicorn_config(controller.application(), config.management.admin))
            serving = asyncio.create_task(server.serve(sockets))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            await controller.give_up_deployments()
            server.should_exit = True
            await serving


class Controller:
    """The parts of one controller and how they hang together. It owns none of what it is given.

    `store` holds the registry, `states` what selection policies have learned; they may be one.
    """

    def __init__(self, config: ControllerConfig, home: HomeFolder, store: Store, states: Store) -> None:
        limits, bell = config.management, Bell()
        self._config = config
        self._home = home
        self._registry = Registry(store)
        self._logs = LogFiles(home.logs, limits.artifacts)
        self._bundles = BundleFolder(home.bundles, limits.admin.max_bundle_bytes, self._referenced_bundles)
        self._environments = EnvironmentFolder(home.environments, config.environment, limits.artifacts)
        self._workshop = Workshop(
            launcher=LocalLauncher(config.environment, home.work),
            bundles=self._bundles,
            environments=self._environments,
            logs=self._logs,
            config=limits.supervision,
            starts=asyncio.Semaphore(limits.supervision.parallel_starts),
            sockets=home.sockets,
            save=self._registry.put_replica,
            changed=bell.ring,
            clock=asyncio.get_running_loop().time,
        )
        self._supervisor = Supervisor(self._registry, self._workshop, bell)
        self._deployments = Deployments(
            self._registry, self._supervisor, self._bundles, self._environments, home.deployments, limits.supervision
        )
        self._operations = Operations(
            states, self._registry, self._supervisor, self._bundles, self._logs, limits.supervision
        )

    def application(self) -> Starlette:
        """The admin REST over these parts."""
        admin = self._config.management.admin
        token = None if self._config.admin_auth == "none" else load_or_create_token(self._home.token)
        guard = Guard(token, self._home.token)
        collector = StateCollector(self._registry, self._supervisor, self._deployments, self._environments)
        builder = AdminApplication(self._registry, self._supervisor, guard, ManagementMetrics(collector), admin)
        return builder.build(
            AdminApi(
                self._registry,
                self._operations,
                Comparison(self._registry, Frontends(self._home.run)),
                EnvironmentUse(self._environments, self._bundles),
            ),
            DeployEndpoint(self._deployments, guard, admin),
            StatesEndpoint(self._operations.learning, guard, admin),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside, replicas follow the registry; at the end every container is stopped."""
        self._bundles.delete_incomplete()
        self._environments.delete_incomplete()
        await self._deployments.take_back_unfinished()
        self._supervisor.start()
        await self._bundles.delete_unused()
        judging = asyncio.create_task(Verdicts(self._registry, self._operations.learning).run())
        try:
            yield
        finally:
            judging.cancel()
            await self.give_up_deployments()
            await self._supervisor.stop()

    async def give_up_deployments(self) -> None:
        """End what operators are waiting for; each deployment leaves nothing behind."""
        await self._deployments.close()
        await self._environments.close()

    def _referenced_bundles(self) -> set[str]:
        return {model.bundle for model in self._registry.snapshot().models.values() if model.bundle is not None}


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would end before the containers do, and raise the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn_config(application: Starlette, config: AdminConfig) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        http="httptools",
        limit_concurrency=config.max_concurrent_requests,
        timeout_graceful_shutdown=max(1, round(config.drain_s)),
    )
