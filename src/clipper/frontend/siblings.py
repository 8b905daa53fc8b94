"""The other query frontends of this server, asked over their private sockets.

All frontends share one port, so a scrape, or feedback for a query that another one has answered, may come to any.
"""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from clipper.engine.private import Reply, ask

SIBLING_TIMEOUT_S = 1.0
"""One that is restarting does not answer; whoever asked should not wait for it."""


_GET_METRICS = b"GET /metrics?scope=self HTTP/1.1\r\nhost: sibling\r\nconnection: close\r\n\r\n"


class Siblings:
    """The frontends other than number `index`, each behind the private socket at its place in `sockets`.

    Args:
        incarnation_of: the present incarnation of a frontend, by number, which is in the ids of its queries.
    """

    def __init__(self, index: int, sockets: list[Path], incarnation_of: Callable[[int], int | None]) -> None:
        self.index = index
        self.others = [place for place in range(len(sockets)) if place != index]
        self._sockets = sockets
        self._incarnation_of = incarnation_of

    def holder(self, incarnation: int) -> int | None:
        """Which sibling has answered the queries of that incarnation and still remembers them."""
        return next((place for place in self.others if self._incarnation_of(place) == incarnation), None)

    async def metrics(self, place: int) -> bytes:
        """A sibling's own samples; nothing if it does not answer, or is full and says so."""
        reply = await self._ask(place, _GET_METRICS)
        return reply.body if reply is not None and reply.status is HTTPStatus.OK else b""

    async def feedback(self, place: int, application: str, body: bytes) -> Reply | None:
        """A sibling's answer to feedback; None if there is none in time."""
        head = b"POST /%b/update HTTP/1.1\r\nhost: sibling\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        return await self._ask(place, head % (application.encode(), len(body)) + body)

    async def _ask(self, place: int, request: bytes) -> Reply | None:
        return await ask(self._sockets[place], request, SIBLING_TIMEOUT_S)
