"""GET /metrics: this frontend's samples and its siblings'.

Whichever frontend is asked collects from the others; every sample says which one it is from.
"""

import asyncio
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from clipper.engine.engine import Engine
from clipper.frontend import responses
from clipper.frontend.metrics import EngineCollector
from clipper.frontend.requests import Head
from clipper.frontend.siblings import Siblings

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Answers scrapes that come to one frontend."""

    def __init__(self, engine: Engine, siblings: Siblings) -> None:
        self._siblings = siblings
        self._registry = CollectorRegistry()
        self._registry.register(EngineCollector(engine))
        ProcessCollector(registry=self._registry)

    async def expose(self, head: Head) -> bytes:
        """The whole response; `scope=self` leaves the siblings out."""
        own = generate_latest(self._registry)
        if head.parameters.get("scope") == "self":
            return responses.text(own, CONTENT_TYPE)
        others = self._siblings.others
        texts = await asyncio.gather(*map(self._siblings.metrics, others))
        scraped = [(self._siblings.index, own), *zip(others, texts, strict=True)]
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
