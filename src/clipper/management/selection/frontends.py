"""What the query frontends know of judged queries, asked over their private sockets."""

import asyncio
from http import HTTPStatus
from pathlib import Path

import msgspec

from clipper.engine.private import ask
from clipper.selection.evidence.judged import Judged, Page, read_page

TIMEOUT_S = 2.0
"""For one page; a frontend that is restarting does not answer, and is left out."""

MAX_PAGES = 10_000
"""Far more than any frontend remembers; under heavy feedback new ones come while the old are read."""


class Frontends:
    """The frontends of one server, each behind a private socket in its `run` folder."""

    def __init__(self, run: Path) -> None:
        self._run = run

    async def evidence(self, application: str, limit: int) -> list[Judged]:
        """The newest judged queries of an application, at most `limit` of each frontend; of each in their order."""
        found = await asyncio.gather(*(_evidence(path, application) for path in sorted(self._run.glob("query-*.sock"))))
        return [judged for each in found for judged in each[-limit:]]


async def _evidence(path: Path, application: str) -> list[Judged]:
    judged: list[Judged] = []
    start = 0
    for _ in range(MAX_PAGES):
        page = await _page(path, application, start)
        if page is None or not page.judged:
            break
        judged += page.judged
        start = page.next
    return judged


async def _page(path: Path, application: str, start: int) -> Page | None:
    request = b"GET /evidence/%b?start=%d HTTP/1.1\r\nhost: frontend\r\nconnection: close\r\n\r\n"
    reply = await ask(path, request % (application.encode(), start), TIMEOUT_S)
    if reply is None or reply.status is not HTTPStatus.OK:
        return None
    try:
        return read_page(reply.body)
    except msgspec.DecodeError:
        return None
