"""GET /metrics: this frontend's samples and its siblings'.

All frontends of a server share one port, so whichever is asked collects from the others over their private sockets;
every sample says which frontend it is from.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from clipper.engine.engine import Engine
from clipper.frontend import responses
from clipper.frontend.metrics import EngineCollector
from clipper.frontend.requests import Head

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

SIBLING_TIMEOUT_S = 1.0
"""A frontend that is restarting is left out of this scrape."""

_ASK_SIBLING = b"GET /metrics?scope=self HTTP/1.1\r\nhost: sibling\r\nconnection: close\r\n\r\n"


class Exposition:
    """Answers scrapes of one frontend, number `index` of those whose private sockets are `sockets`."""

    def __init__(self, engine: Engine, index: int, sockets: list[Path]) -> None:
        self._index = index
        self._sockets = sockets
        self._registry = CollectorRegistry()
        self._registry.register(EngineCollector(engine))
        ProcessCollector(registry=self._registry)

    async def expose(self, head: Head) -> bytes:
        """The whole response; `scope=self` leaves the siblings out."""
        own = generate_latest(self._registry)
        if head.parameters.get("scope") == "self":
            return responses.text(own, CONTENT_TYPE)
        others = [place for place in range(len(self._sockets)) if place != self._index]
        texts = await asyncio.gather(*(_ask(self._sockets[place]) for place in others))
        scraped = [(self._index, own), *zip(others, texts, strict=True)]
        return responses.text(merge(sorted(scraped)), CONTENT_TYPE)


def merge(scraped: Iterable[tuple[int, bytes]]) -> bytes:
    """The samples of several frontends, each labelled with its frontend.

    Works on lines: to parse them into samples and format these again took longer than a latency objective.
    """
    families: dict[str, list[str]] = {}
    for index, text in scraped:
        label = f'frontend="{index}"'
        for block in f"\n{text.decode()}".split("\n# HELP ")[1:]:
            about, kind, *samples = block.splitlines()
            lines = families.setdefault(about.partition(" ")[0], [f"# HELP {about}", kind])
            lines += [_labelled(sample, label) for sample in samples]
    return "".join(f"{line}\n" for lines in families.values() for line in lines).encode()


def _labelled(sample: str, label: str) -> str:
    name, brace, rest = sample.partition("{")
    if brace:
        return f"{name}{{{label},{rest}"
    name, _, value = sample.partition(" ")
    return f"{name}{{{label}}} {value}"


async def _ask(socket: Path) -> bytes:
    """A sibling's samples; nothing if it does not answer."""
    try:
        async with asyncio.timeout(SIBLING_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            writer.write(_ASK_SIBLING)
            response = await reader.read(-1)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return b""
    head, _, body = response.partition(b"\r\n\r\n")
    return body if head.startswith(b"HTTP/1.1 200 ") else b""  # it may be full, and say so
