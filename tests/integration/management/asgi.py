"""Calls an ASGI application in this process, and so needs no client library and no port."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message


@dataclass
class Reply:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class AsgiClient:
    """Sends requests to `app`, by default with `token`."""

    app: ASGIApp
    token: str | None = None

    async def get(self, path: str) -> Reply:
        return await self.call("GET", path, [b""])

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Reply:
        """POST `body`: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.call("POST", path, [content], headers)

    async def call(
        self, method: str, path: str, chunks: list[bytes] | None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send the body in `chunks`; None: none of it ever arrives."""
        async with self.opened(method, path, chunks, headers) as (reply, _, done):
            await done
        return reply

    @asynccontextmanager
    async def opened(
        self, method: str, path: str, chunks: list[bytes] | None, headers: dict[str, str] | None = None
    ) -> AsyncIterator[tuple[Reply, asyncio.Event, "asyncio.Task[None]"]]:
        """A request under way: its reply so far, an event that makes the client leave, and its end."""
        url = urlsplit(path)
        given = {"authorization": f"Bearer {self.token}"} if self.token else {}
        scope = {
            "type": "http",
            "method": method,
            "path": url.path,
            "query_string": url.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in (given | (headers or {})).items()],
        }
        waiting = list(chunks or [])
        left = asyncio.Event()
        reply = Reply()

        async def receive() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                reply.body += message.get("body", b"")

        async def call() -> None:
            await self.app(scope, receive, send)

        done = asyncio.create_task(call())
        try:
            yield reply, left, done
        finally:
            done.cancel()
            await asyncio.wait({done})
