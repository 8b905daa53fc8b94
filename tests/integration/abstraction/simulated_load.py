"""Poisson load on one model version in virtual time, over real sockets: who was answered by the model, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from clipper.abstraction.model import ServedModel
from clipper.abstraction.terms import Terms
from clipper.wire.batches import InputBatch
from tests.fake_container import Behaviour, FakeContainer, Peer, echoed
from tests.unit.abstraction.evaluations import Asker, number, served_model, until
from tests.virtual_time import ManualClock
from tests.wire.arrays import TOKEN

SLO_S = 0.02
PATIENCE_S = 0.018
"""Of a query, as an application has it: the rest is for answering."""

Latency = Callable[[int], float]


def computing(latency: Latency) -> Behaviour:
    """A container that computes one batch after the other."""

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        compute_s = latency(batch.size)
        await asyncio.sleep(compute_s)
        peer.answer(batch_id, echoed(batch), compute_s)

    return behave


@dataclass
class Tally:
    """What became of queries: how long the model's answers took, and how soon the others were told."""

    answered_s: list[float] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)

    @property
    def attainment(self) -> float:
        """Share that a model has answered in time."""
        return len(self.answered_s) / (len(self.answered_s) + len(self.told_s))

    @property
    def median_told_s(self) -> float:
        """How long those waited for their default who got no answer."""
        return sorted(self.told_s)[len(self.told_s) // 2]


def tally(askers: list[tuple[float, Asker]]) -> Tally:
    """Of (arrival, who asked), but for the newest that still wait; the default comes at the deadline at last."""
    counted = Tally()
    newest = askers[-1][0]
    for arrived, asker in askers:
        if not asker.received and newest < asker.deadline:
            continue
        _, outcome, at = asker.received[0] if asker.received else (0, None, asker.deadline)
        if type(outcome) is bytes and at <= asker.deadline + 1e-4:
            counted.answered_s.append(at - arrived)
        else:
            counted.told_s.append(min(at, asker.deadline) - arrived)
    return counted


@asynccontextmanager
async def serving(
    clock: ManualClock, folder: Path, *latencies: Latency, batching: str = "deadline", batch_size: int = -1
) -> AsyncIterator[tuple[ServedModel, list[FakeContainer]]]:
    """A model version with a replica for each latency."""
    containers = [FakeContainer(folder / f"c{n}", computing(each)) for n, each in enumerate(latencies)]
    for container in containers:
        await container.__aenter__()
    model = served_model(clock, batch_size=batch_size, batching=batching, queue_length=20_000)
    model.set_objective(SLO_S)
    for place, container in enumerate(containers):
        model.add_replica(place, container.address, TOKEN)
    await until(lambda: all(replica.ready for replica in model.replicas.values()))
    try:
        yield model, containers
    finally:
        await model.stop()
        for container in containers:
            await container.stop()


class Load:
    """Queries that arrive at random, each with another input."""

    def __init__(self, model: ServedModel, clock: ManualClock, seed: int = 0) -> None:
        self._model = model
        self._clock = clock
        self._rng = Random(seed)
        self._asked = seed * 1_000_000

    async def offer(self, rate: float, seconds: float, terms: Terms | None = None) -> list[tuple[float, Asker]]:
        """`rate` queries a second for so long, and what became of them a moment later."""
        terms = terms or Terms(SLO_S)
        askers: list[tuple[float, Asker]] = []
        at = self._clock()
        end = at + seconds
        while (at := at + self._rng.expovariate(rate)) < end:
            if at > self._clock():
                await asyncio.sleep(at - self._clock())
            now = self._clock()
            self._asked += 1
            asker = Asker(now + PATIENCE_S)
            askers.append((now, asker))
            self._model.ask(number(self._asked), asker.deadline, now, terms, asker, 0)
        return askers
