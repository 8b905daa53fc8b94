"""An ensemble under more load than it bears: fewer members are asked, best first, and every query has its answer."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from clipper.engine.query import PendingQuery
from clipper.registry.entities import Application
from clipper.wire.batches import InputBatch, Outcome
from tests.fake_container import Behaviour, FakeContainer, Peer
from tests.unit.abstraction.evaluations import number, until
from tests.unit.engine.world import Client, Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually
from tests.wire.arrays import TOKEN

SLO_S = 0.02
TRUTH = b"1"


@dataclass(frozen=True)
class Member:
    """How long it computes a batch of so many, and how often it is right."""

    latency: Callable[[int], float]
    accuracy: float


def saying(member: Member, seed: int) -> Behaviour:
    rng = Random(seed)

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        compute_s = member.latency(batch.size)
        await asyncio.sleep(compute_s)
        said: list[Outcome] = [
            TRUTH if rng.random() < member.accuracy else b"%d" % rng.randrange(2, 10) for _ in range(batch.size)
        ]
        peer.answer(batch_id, said, compute_s)

    return behave


@dataclass(frozen=True)
class Result:
    """What became of queries."""

    answered: float  # share by a model, in time
    right: float  # share of those
    asked: float  # members per query


async def overloaded(clock: ManualClock, folder: Path, members: Sequence[Member], rate: float, policy: str) -> Result:
    """Poisson load; learning from some feedback first."""
    names = tuple(f"m{place}" for place in range(len(members)))
    plain = application()
    app = Application(
        name="app",
        input_type=plain.input_type,
        default_output="-1",
        latency_slo_micros=round(SLO_S * 1e6),
        policy=policy,
        models=names,
    )
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(Serving(clock))
        serving.add(app, *map(wanted, names))
        for place, (name, member) in enumerate(zip(names, members, strict=True)):
            container = await stack.enter_async_context(FakeContainer(folder / name, saying(member, place)))
            model = serving.engine.models[name, "1"]
            model.add_replica(0, container.address, TOKEN)
            await until(lambda model=model: model.replicas[0].ready)  # type: ignore[misc]
        rng = Random(1)
        await _offer(clock, serving, rng, 0.3 * rate, 0.5)
        asked = await _offer(clock, serving, rng, rate, 0.3)
        asked = await _offer(clock, serving, rng, rate, 2.0)
        await asyncio.sleep(2 * SLO_S)
        late = [client for query, client in asked if client.answers[0][2] > query.arrived + SLO_S]
        assert not late
        outputs = [client.outputs[0] for _, client in asked if client.explanations == [None]]
        evaluated = sum([sum([output is not None for output in query.outputs()]) for query, _ in asked])
        return Result(len(outputs) / len(asked), outputs.count(TRUTH) / len(outputs), evaluated / len(asked))


async def _offer(
    clock: ManualClock, serving: Serving, rng: Random, rate: float, seconds: float
) -> list[tuple[PendingQuery, Client]]:
    asked = []
    at = clock()
    end = at + seconds
    while (at := at + rng.expovariate(rate)) < end:
        if at > clock():
            await asyncio.sleep(at - clock())
        asked.append(serving.ask("app", number(rng.random())))
    return asked


UNLIKE = [
    Member(lambda size: 0.002 + 0.0001 * size, 0.9),
    *[Member(lambda size: 0.004 + 0.001 * size, accuracy) for accuracy in (0.8, 0.78, 0.76, 0.74)],
]
"""A fast one that is the best, and slower ones: together they bear some 600 queries a second."""

ALIKE = [Member(lambda size: 0.003 + 0.001 * size, 0.8) for _ in range(8)]
"""They bear some 700 queries a second."""


@pytest.mark.parametrize("times", [0.6, 2, 5])
@pytest.mark.parametrize(("members", "capacity"), [(UNLIKE, 600), (ALIKE, 700)], ids=["unlike", "alike"])
def test_overload_costs_accuracy_by_and_by_and_no_answers(
    tmp_path: Path, members: list[Member], capacity: float, times: float
) -> None:
    async def scenario(clock: ManualClock) -> None:
        result = await overloaded(clock, tmp_path, members, times * capacity, "majority")
        best = max(member.accuracy for member in members)
        assert result.answered >= 0.99
        assert result.right >= best
        if times < 1:  # then nearly all can be asked, and are
            assert result.asked > 0.85 * len(members)

    run_virtually(scenario)
