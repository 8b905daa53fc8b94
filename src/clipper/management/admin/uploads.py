"""`/admin/deploy`: a bundle comes in, and how the deployment went goes out, if wanted line by line as it goes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.admin.auth import Guard
from clipper.management.admin.bodies import DeployQuery, parse_query, upload_of
from clipper.management.admin.errors import as_fields, unexpected
from clipper.management.config import AdminConfig
from clipper.management.deployments import Deployment, Deployments

NDJSON = "application/x-ndjson"

MAX_UNREAD_EVENTS = 1000
"""Lines of progress that wait for a client which does not read; later ones are left out."""


class DeployEndpoint:
    """Runs deployments for clients, with or without progress."""

    def __init__(self, deployments: Deployments, guard: Guard, config: AdminConfig) -> None:
        self._deployments = deployments
        self._guard = guard
        self._config = config

    async def handle(self, request: Request) -> Response:
        """Answer one request. Raises ClipperError for what can be refused before the bundle is read."""
        self._guard.check(request.headers)
        deployment = _deployment_of(parse_query(request.query_params, DeployQuery))
        self._deployments.check(deployment)
        upload = upload_of(request, self._config)
        if NDJSON in request.headers.get("accept", ""):
            return _Narration(self._deployments, deployment, upload)
        await self._deploy_quietly(deployment, upload)
        return JSONResponse(_version_of(deployment))

    async def _deploy_quietly(self, deployment: Deployment, upload: AsyncIterator[bytes]) -> None:
        deploying = asyncio.create_task(self._deployments.deploy(deployment, upload, _ignore))
        try:
            await asyncio.wait({deploying})
        finally:
            deploying.cancel()
        if deploying.cancelled():
            raise _given_up()
        deploying.result()


class _Narration(Response):
    """Sends the events of a deployment, one JSON object a line, while it goes on. A client that leaves ends it.

    Not a `StreamingResponse`: that one listens for the end of the connection from the beginning, and so would take
    pieces of the bundle for itself.
    """

    media_type = NDJSON

    def __init__(self, deployments: Deployments, deployment: Deployment, upload: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._deployments = deployments
        self._deployment = deployment
        self._upload = upload
        self._uploaded = asyncio.Event()
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        deploying = asyncio.create_task(self._deploy())
        listening = asyncio.create_task(self._cancel_if_client_leaves(receive, deploying))
        try:
            while (event := await self._events.get()) is not None:
                line = msgspec.json.encode(event) + b"\n"
                await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            deploying.cancel()
            listening.cancel()
            await asyncio.wait({deploying, listening})

    async def _deploy(self) -> None:
        try:
            await self._deployments.deploy(self._deployment, self._read(), self._report)
            last = {"event": "ready", **_version_of(self._deployment)}
        except ClipperError as error:
            last = {"event": "failed", **as_fields(error)}
        except asyncio.CancelledError:
            last = {"event": "failed", **as_fields(_given_up())}
        except Exception as error:
            last = {"event": "failed", **as_fields(unexpected(error))}
        self._events.put_nowait(last)
        self._events.put_nowait(None)

    async def _read(self) -> AsyncIterator[bytes]:
        async for chunk in self._upload:
            yield chunk
        self._uploaded.set()

    async def _cancel_if_client_leaves(self, receive: Receive, deploying: "asyncio.Task[None]") -> None:
        await self._uploaded.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        deploying.cancel()

    def _report(self, stage: str, message: str) -> None:
        if self._events.qsize() < MAX_UNREAD_EVENTS:
            self._events.put_nowait({"event": "progress", "stage": stage, "message": message})


def _deployment_of(query: DeployQuery) -> Deployment:
    return Deployment(
        model_name=query.model_name,
        model_version=query.model_version,
        replicas=query.replicas,
        batch_size=query.batch_size,
        labels=tuple(label for label in query.labels.split(",") if label),
        app_name=query.app_name or None,
        batching=query.batching,
        batch_delay_ms=query.batch_delay_ms,
    )


def _version_of(deployment: Deployment) -> dict[str, Any]:
    return {"model": deployment.model_name, "version": deployment.model_version}


def _given_up() -> ClipperError:
    return ClipperError(ErrorCode.UNAVAILABLE, "The deployment was given up, since the server stops or the client left")


def _ignore(_stage: str, _message: str) -> None:
    pass
