"""The admin REST over a world, called in this process."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from clipper.management.admin.api import AdminApi
from clipper.management.admin.app import AdminApplication
from clipper.management.admin.auth import Guard
from clipper.management.admin.metrics import ManagementMetrics, StateCollector
from clipper.management.admin.states import StatesEndpoint
from clipper.management.admin.uploads import DeployEndpoint
from clipper.management.config import AdminConfig
from clipper.management.environment_use import EnvironmentUse
from clipper.management.selection.comparison import Comparison
from clipper.management.selection.frontends import Frontends
from tests.integration.management.asgi import AsgiClient
from tests.integration.management.world import World, run, world

TOKEN = "5" * 64
LIMITS = AdminConfig(max_body_bytes=2000, body_timeout_s=0.05, upload_stall_s=0.05)

Test = Callable[[AsgiClient, World], Awaitable[None]]


def with_admin(folder: Path, test: Test, token: str | None = TOKEN) -> None:
    """Run `test` with a client of an admin application over a world."""

    async def bounded() -> None:
        async with world(folder) as w:
            guard = Guard(token, folder / "token")
            collector = StateCollector(w.registry, w.supervisor, w.deployments, w.environments)
            builder = AdminApplication(w.registry, w.supervisor, guard, ManagementMetrics(collector), LIMITS)
            deploy = DeployEndpoint(w.deployments, guard, LIMITS)
            comparison = Comparison(w.registry, Frontends(w.home.run))
            states = StatesEndpoint(w.operations.learning, guard, LIMITS)
            api = AdminApi(w.registry, w.operations, comparison, EnvironmentUse(w.environments, w.bundles))
            await test(AsgiClient(builder.build(api, deploy, states), token), w)

    run(bounded)
