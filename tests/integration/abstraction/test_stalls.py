"""Replicas that stop answering, in virtual time: they lose their place, and what they had is asked elsewhere."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from clipper.abstraction.model import ServedModel
from clipper.wire.batches import InputBatch
from tests.fake_container import FakeContainer, Peer, echoed, never
from tests.integration.abstraction.simulated_load import computing, serving
from tests.unit.abstraction.evaluations import Asker, ask, number, until
from tests.virtual_time import ManualClock, run_virtually


def quick(size: int) -> float:
    return 0.001 * size


class Stalling:
    """Computes at once, until it is told to stop; then it keeps what comes until it is told to go on."""

    def __init__(self, container: FakeContainer) -> None:
        self._container = container
        self.held: list[tuple[Peer, int, InputBatch]] = []

    def stop(self) -> None:
        self._container.behaviour = self._hold

    def go_on(self) -> None:
        self._container.behaviour = computing(quick)
        for peer, batch_id, batch in self.held:
            peer.answer(batch_id, echoed(batch), 0.001)
        self.held.clear()

    async def _hold(self, peer: Peer, batch_id: int, batch: InputBatch) -> None:
        self.held.append((peer, batch_id, batch))


async def warm(model: ServedModel, clock: ManualClock, count: int = 40) -> None:
    """Both replicas have shown what they can do."""
    for value in range(count):
        for twin in (0.25, 0.5, 0.75):
            ask(model, number(-value - twin), clock())
        await wait(clock, 0.01)


async def wait(clock: ManualClock, seconds: float) -> None:
    until_s = clock() + seconds
    await until(lambda: clock() >= until_s)


def stalls(model: ServedModel) -> int:
    return sum(each.measures.stalls for each in model.replicas.values())


async def hold_one(model: ServedModel, clock: ManualClock, stalling: Stalling, slo_s: float = 1.0) -> dict[int, Asker]:
    """Ask until the stalling container holds something; who asked."""
    askers: dict[int, Asker] = {}
    while not stalling.held:
        value = 100 + len(askers)
        askers[value] = ask(model, number(value), clock(), slo_s)[0]
        await asyncio.sleep(0)
    return askers


def all_answered(askers: dict[int, Asker]) -> Callable[[], bool]:
    return lambda: all(asker.outcomes == [number(value).payload] for value, asker in askers.items())


def test_batch_of_a_stalled_replica_is_asked_elsewhere_inside_its_deadline(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, quick, quick) as (model, (first, second)):
            await warm(model, clock)
            stalling = Stalling(first)
            stalling.stop()
            before = clock()
            askers = await hold_one(model, clock, stalling)
            await until(all_answered(askers))
            assert clock() - before < 0.1
            assert stalls(model) == 1
            seen = len(first.payloads)
            more = {value: ask(model, number(value), clock())[0] for value in range(500, 520)}
            await until(all_answered(more))
            assert len(first.payloads) == seen  # no new work until it answers
            stalling.go_on()
            await wait(clock, 0.05)
            assert all(len(asker.received) == 1 for asker in [*askers.values(), *more.values()])
            for value in range(600, 640):
                for twin in (0.0, 0.25, 0.5):
                    ask(model, number(value + twin), clock())
                await wait(clock, 0.002)
            assert len(first.payloads) > seen
            assert ask(model, number(100), clock())[1] == number(100).payload
            assert second.payloads.count(number(100).payload) + first.payloads.count(number(100).payload) <= 2

    run_virtually(scenario)


def test_stalled_replica_that_ends_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, quick, quick) as (model, (first, _)):
            await warm(model, clock)
            stalling = Stalling(first)
            stalling.stop()
            askers = await hold_one(model, clock, stalling)
            await until(all_answered(askers))
            await first.stop()
            again = {value: ask(model, number(value), clock())[0] for value in range(700, 710)}
            await until(all_answered(again))
            assert all(len(asker.received) == 1 for asker in askers.values())
            await first.__aenter__()

    run_virtually(scenario)


def test_the_only_replica_keeps_its_place_whatever_it_does(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, quick) as (model, (only,)):
            await warm(model, clock)
            only.behaviour = never
            ask(model, number(1), clock(), slo_s=0.1)
            await wait(clock, 1.0)
            assert stalls(model) == 0
            only.behaviour = computing(quick)
            asker, _ = ask(model, number(2), clock())
            await until(lambda: bool(asker.received))

    run_virtually(scenario)


def test_input_that_hangs_containers_is_tried_twice(tmp_path: Path) -> None:
    poison = number(666).payload

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        if any(bytes(row) == poison for row in batch.rows()):
            return
        await computing(quick)(peer, batch_id, batch)

    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, quick, quick, quick) as (model, containers):
            await warm(model, clock, 80)
            for container in containers:
                container.behaviour = behave
            ask(model, number(666), clock(), slo_s=5.0)
            await wait(clock, 2.0)
            assert sum(container.payloads.count(poison) for container in containers) == 2
            asker, _ = ask(model, number(1), clock())
            await until(lambda: bool(asker.received))

    run_virtually(scenario)
