"""`/admin/export_states` and `/admin/import_states`: what was learned goes out and comes in, line by line."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.admin.auth import Guard
from clipper.management.admin.bodies import LinkedApplication, parse_query, read_json, upload_of
from clipper.management.config import AdminConfig
from clipper.management.selection.learning import Learning

NDJSON = "application/x-ndjson"

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Of one state: the largest there are, split_model's with all its features, have 3 MB of base64."""

PIECE_BYTES = 256 * 1024
"""Lines go out together until they are as many bytes."""


class StatesEndpoint:
    """Both directions; both need the token, since what was learned of whom is nobody else's business."""

    def __init__(self, learning: Learning, guard: Guard, config: AdminConfig) -> None:
        self._learning = learning
        self._guard = guard
        self._config = config

    async def take_out(self, request: Request) -> Response:
        """Answer with the lines. Raises ClipperError for what can be refused before."""
        self._guard.check(request.headers)
        body = await read_json(request, LinkedApplication, self._config)
        lines = self._learning.export(body.app_name)
        head = await anext(lines)
        return StreamingResponse(_in_pieces(head, lines), media_type=NDJSON)

    async def bring_in(self, request: Request) -> Response:
        """Take the lines. Raises ClipperError for what the policy cannot go on from."""
        self._guard.check(request.headers)
        query = parse_query(request.query_params, LinkedApplication)
        count = await self._learning.bring_back(query.app_name, _lines(upload_of(request, self._config)))
        return JSONResponse({"app_name": query.app_name, "states": count})


async def _in_pieces(head: bytes, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    piece = bytearray(head)
    async for line in lines:
        piece += line
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
            await asyncio.sleep(0)  # others are served in between
    yield bytes(piece)


async def _lines(upload: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of an upload, without empty ones. Raises TOO_LARGE for one without end."""
    rest = b""
    async for piece in upload:
        *whole, rest = (rest + piece).split(b"\n")
        for line in filter(None, whole):
            yield line
        if len(rest) > MAX_LINE_BYTES:
            raise ClipperError(
                ErrorCode.TOO_LARGE, f"A line has more than {MAX_LINE_BYTES} bytes, the limit for a state"
            )
    if rest:
        yield rest
