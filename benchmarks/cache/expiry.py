"""Queries that all expire: nothing may be left of them."""

import asyncio
import gc
import struct
from pathlib import Path

from benchmarks.report import Sheet
from clipper.abstraction.cache import CacheConfig, PredictionCache
from clipper.abstraction.evaluation import Waiter
from clipper.abstraction.layer import ModelLayer, ModelLayerConfig
from clipper.abstraction.model import ServedModel
from clipper.abstraction.terms import Terms
from clipper.core.inputs import DType, Input
from clipper.wire.batches import Outcome

SLO_S = 0.02
AT_ONCE = 1000  # queries that wait together
PARTS = 5
SIZE = 32  # numbers of one input
PAGE_KB = 4


class Asker(Waiter):
    """Its query, as the model sees it."""

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        """Nothing comes: there is no container."""


def measure_expiry(queries: int) -> Sheet:
    """Resident memory while a model version without any container is asked."""
    return asyncio.run(_measure(queries))


async def _measure(queries: int) -> Sheet:
    now = 0.0
    config = ModelLayerConfig()
    layer = ModelLayer(config, PredictionCache(CacheConfig()), "bench", lambda: now)
    model = ServedModel("model", "1", -1, layer)
    model.can_answer = True
    terms = Terms(SLO_S)
    rows: list[tuple[str, ...]] = []
    for part in range(PARTS + 1):
        gc.collect()
        rows.append((f"{part * queries // PARTS:,}", f"{_resident_kb() / 1024:.1f}", str(model.queue_length)))
        for first in range(part * queries // PARTS, (part + 1) * queries // PARTS, AT_ONCE):
            for number in range(first, first + AT_ONCE):
                asked = Input(DType.FLOAT64, (SIZE,), struct.pack("<d", number) * SIZE)
                model.ask(asked, now + SLO_S, now, terms, Asker(now + SLO_S), 0)
            now += 1.0
            model.drop_expired(now)
    return Sheet("Queries that all expire", ("asked so far", "resident, MiB", "still waiting"), rows)


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB
