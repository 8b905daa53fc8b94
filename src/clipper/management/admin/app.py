"""The admin application: routes to operations, errors to answers."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.admin.api import AdminApi, Operation
from clipper.management.admin.auth import Guard
from clipper.management.admin.bodies import read_json
from clipper.management.admin.errors import as_fields, failure, original_failure, unexpected
from clipper.management.admin.metrics import CONTENT_TYPE, ManagementMetrics, RequestCounter
from clipper.management.admin.states import StatesEndpoint
from clipper.management.admin.uploads import DeployEndpoint
from clipper.management.admin.views import state_view
from clipper.management.config import AdminConfig
from clipper.management.supervision.supervisor import Supervisor
from clipper.registry.registry import Registry

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Failure: TypeAlias = Callable[[ClipperError], Response]


class AdminApplication:
    """Builds the ASGI application from the parts that answer."""

    def __init__(
        self,
        registry: Registry,
        supervisor: Supervisor,
        guard: Guard,
        metrics: ManagementMetrics,
        config: AdminConfig,
    ) -> None:
        self._registry = registry
        self._supervisor = supervisor
        self._guard = guard
        self._metrics = metrics
        self._config = config

    def build(self, api: AdminApi, deploy: DeployEndpoint, states: StatesEndpoint) -> Starlette:
        """The application, with every route and the request counter around it."""
        routes = [
            *(self._operation_route(each) for each in api.operations()),
            Route("/admin/deploy", _answering(deploy.handle, failure), methods=["POST"]),
            Route("/admin/export_states", _answering(states.take_out, failure), methods=["POST"]),
            Route("/admin/import_states", _answering(states.bring_in, failure), methods=["POST"]),
            Route("/admin/ping", self._ping, methods=["GET"]),
            Route("/admin/ready", _answering(self._ready, failure), methods=["GET"]),
            Route("/admin/state", _answering(self._state, failure), methods=["GET"]),
            Route("/metrics", _answering(self._expose_metrics, failure), methods=["GET"]),
        ]
        paths = frozenset(route.path for route in routes)
        return Starlette(routes=routes, middleware=[Middleware(RequestCounter, self._metrics, paths)])

    def _operation_route(self, operation: Operation) -> Route:
        async def handle(request: Request) -> Response:
            if operation.changes:
                self._guard.check(request.headers)
            answer = await operation.run(await read_json(request, operation.body, self._config))
            if isinstance(answer, str):
                return PlainTextResponse(answer)
            return Response(msgspec.json.encode(answer), media_type="application/json")

        failed = original_failure if operation.original else failure
        return Route(operation.path, _answering(handle, failed), methods=["POST"])

    async def _ping(self, _: Request) -> Response:
        return PlainTextResponse("PONG")

    async def _ready(self, _: Request) -> Response:
        missing = self._supervisor.shortages()
        if not missing:
            return JSONResponse({"ready": True})
        first = missing[0]
        why = f": {first.error}" if first.error else ""
        cause = f"{first.ready} of {first.wanted} replicas of {first.model}:{first.version} are ready{why}"
        error = ClipperError(ErrorCode.UNAVAILABLE, cause)
        return JSONResponse(
            {"ready": False, **as_fields(error), "missing": [each._asdict() for each in missing]}, status_code=503
        )

    async def _state(self, _: Request) -> Response:
        return Response(msgspec.json.encode(state_view(self._registry.snapshot())), media_type="application/json")

    async def _expose_metrics(self, _: Request) -> Response:
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE)


def _answering(handle: Endpoint, failed: Failure) -> Endpoint:
    """`handle`, with every error turned into an answer by `failed`."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except ClipperError as error:
            return failed(error)
        except Exception as error:
            return failed(unexpected(error))

    return endpoint
