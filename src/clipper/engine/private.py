"""One request to a query frontend over its private socket, as its siblings and the controller make them."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple


class Reply(NamedTuple):
    """What a frontend answered."""

    status: HTTPStatus
    body: bytes


async def ask(path: Path, request: bytes, timeout_s: float) -> Reply | None:
    """The answer to a whole request that asks for its connection to be closed; None if there is none in time."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(request)
                response = await reader.read(-1)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    head, end, body = response.partition(b"\r\n\r\n")
    return Reply(HTTPStatus(int(head.split(b" ", 2)[1])), body) if end else None
