"""More load than a model bears: it goes on answering what it can in time, and the others are told so at once."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from clipper.abstraction.terms import Terms
from clipper.core.prediction import OVERLOADED
from clipper.wire.batches import ItemFailure
from tests.integration.abstraction.simulated_load import PATIENCE_S, SLO_S, Latency, Load, serving, tally
from tests.unit.abstraction.evaluations import Asker, number, until
from tests.virtual_time import ManualClock, run_virtually


def forest(size: int) -> float:
    """Scaled down from one of a hundred trees, so that the test need not ask 50,000 times a second."""
    return 0.006 + size * 180e-6


def kernel_svm(size: int) -> float:
    return size * 0.001


def slow_kernel_svm(size: int) -> float:
    return size * 0.005


FOREST_CAPACITY = 1390
"""Inputs a second in batches of 11, the largest of which two fit into the time that a query has."""

each_model = pytest.mark.parametrize(
    ("latency", "capacity"),
    [(forest, FOREST_CAPACITY), (kernel_svm, 1000), (slow_kernel_svm, 200)],
    ids=["forest", "kernel SVM", "slow kernel SVM"],
)


@each_model
@pytest.mark.parametrize("times", [2, 5])
def test_overload_leaves_the_throughput_and_refuses_at_once(
    tmp_path: Path, latency: Latency, capacity: float, times: int
) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, latency) as (model, _):
            load = Load(model, clock)
            await load.offer(capacity * times, 0.3)
            seconds = 1.5
            askers = await load.offer(capacity * times, seconds)
            await asyncio.sleep(SLO_S)
            counted = tally(askers)
            assert len(counted.answered_s) >= (0.93 if latency is slow_kernel_svm else 0.95) * capacity * seconds
            assert counted.median_told_s < 0.005
            told = {outcome for _, asker in askers for outcome in asker.outcomes if type(outcome) is ItemFailure}
            assert told == {ItemFailure(OVERLOADED)}
            assert model.measures.shed > model.measures.dropped

    run_virtually(scenario)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("times", "share"), [(0.5, 0.8), (2, 0.6), (5, 0.5)])
@pytest.mark.parametrize(("latency", "capacity"), [(forest, FOREST_CAPACITY), (kernel_svm, 1000)])
def test_hiccups_of_the_machine_cost_their_time_and_no_more(
    tmp_path: Path, latency: Latency, capacity: float, times: float, share: float, seed: int
) -> None:
    """One batch in 25 is up to 12 ms late: no controller may draw conclusions from that which keep it from serving."""
    rng = Random(seed)

    def shaken(size: int) -> float:
        hiccup_s = rng.uniform(0.002, 0.012) if rng.random() < 0.04 else 0.0
        return latency(size) * rng.lognormvariate(0, 0.15) + hiccup_s

    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, shaken) as (model, _):
            load = Load(model, clock, seed)
            await load.offer(0.1 * capacity, 0.5)
            await load.offer(times * capacity, 0.3)
            counted = tally(await load.offer(times * capacity, 1.0))
            assert len(counted.answered_s) >= share * min(1.0, times) * capacity

    run_virtually(scenario)


@each_model
def test_load_that_a_model_bears_is_answered(tmp_path: Path, latency: Latency, capacity: float) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, latency) as (model, _):
            load = Load(model, clock)
            await load.offer(0.5 * capacity, 0.5)
            counted = tally(await load.offer(0.6 * capacity, 3.0))
            assert counted.attainment >= (0.95 if latency is slow_kernel_svm else 0.98)

    run_virtually(scenario)


def test_attainment_is_back_within_a_second_of_a_step_in_load(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, kernel_svm) as (model, _):
            load = Load(model, clock)
            await load.offer(100, 2.0)
            await load.offer(850, 1.0)
            assert tally(await load.offer(850, 3.0)).attainment >= 0.99

    run_virtually(scenario)


def test_attainment_is_back_within_a_second_of_a_model_turning_slower(tmp_path: Path) -> None:
    factor = [1.0]

    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, lambda size: factor[0] * kernel_svm(size) / 3) as (model, _):
            load = Load(model, clock)
            await load.offer(800, 2.0)
            factor[0] = 3.0
            await load.offer(800, 1.0)
            assert tally(await load.offer(800, 3.0)).attainment >= 0.99

    run_virtually(scenario)


@pytest.mark.parametrize(("times", "least"), [(2, 0.6), (5, 0.6)])
def test_who_comes_early_does_not_keep_out_those_who_could_be_answered(
    tmp_path: Path, times: float, least: float
) -> None:
    """Batches take half of the objective, and hiccups more: those who come as one begins cannot be in the next."""
    rng = Random(1)

    def shaken(size: int) -> float:
        hiccup_s = rng.uniform(0.002, 0.012) if rng.random() < 0.01 else 0.0
        return (0.006 + size * 350e-6) * rng.lognormvariate(0, 0.06) + hiccup_s

    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, shaken) as (model, _):
            load = Load(model, clock)
            await load.offer(times * FOREST_CAPACITY, 0.5)
            counted = tally(await load.offer(times * FOREST_CAPACITY, 1.5))
            assert len(counted.answered_s) >= least * FOREST_CAPACITY * 1.5

    run_virtually(scenario)


def test_burst_beyond_all_capacity_is_answered_at_once(tmp_path: Path) -> None:
    """All in one turn of the loop: what fits is answered by the model, the rest is refused and not left to wait."""

    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, kernel_svm) as (model, _):
            await Load(model, clock).offer(200, 0.5)
            await asyncio.sleep(0.05)
            now = clock()
            askers = [Asker(now + PATIENCE_S) for _ in range(500)]
            for value, asker in enumerate(askers):
                model.ask(number(-1 - value), asker.deadline, now, Terms(SLO_S), asker, 0)
            refused = [asker for asker in askers if asker.received]
            assert len(refused) > 350
            assert all(at == now for asker in refused for _, _, at in asker.received)
            await asyncio.sleep(SLO_S)
            assert 10 <= tally([(now, asker) for asker in askers]).attainment * 500 <= 18

    run_virtually(scenario)


def test_model_that_was_too_slow_is_tried_again_and_serves_when_it_recovers(tmp_path: Path) -> None:
    factor = [1.0]

    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, lambda size: factor[0] * size * 0.001) as (model, _):
            load = Load(model, clock)
            await load.offer(300, 1.0)
            factor[0] = 50.0
            assert tally(await load.offer(300, 2.0)).attainment < 0.1
            factor[0] = 1.0
            await load.offer(300, 2.0)
            assert tally(await load.offer(300, 2.0)).attainment > 0.99

    run_virtually(scenario)


def test_higher_priority_is_served_through_the_overload_of_a_lower(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, kernel_svm) as (model, _):
            low, high = Load(model, clock), Load(model, clock, seed=1)
            background = asyncio.create_task(low.offer(3000, 2.0))
            await asyncio.sleep(0.5)
            first = tally(await high.offer(300, 1.0, Terms(SLO_S, priority=5)))
            counted = tally(await background)
            assert first.attainment >= 0.99
            assert len(counted.answered_s) > 1000

    run_virtually(scenario)


def test_slow_replica_gets_less_by_pulling_less(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, kernel_svm, lambda size: 4 * kernel_svm(size)) as (model, (fast, slow)):
            counted = tally(await Load(model, clock).offer(1000, 3.0))
            assert counted.attainment > 0.97
            assert 2 * len(slow.payloads) < len(fast.payloads)
            assert len(slow.payloads) > 0.05 * len(fast.payloads)

    run_virtually(scenario)


def test_two_replicas_bear_twice_the_load(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, forest, forest) as (model, _):
            load = Load(model, clock)
            await load.offer(2 * FOREST_CAPACITY, 0.5)
            assert tally(await load.offer(1.9 * 0.9 * FOREST_CAPACITY, 2.0)).attainment > 0.97

    run_virtually(scenario)


@pytest.mark.parametrize("batching", ["none", "fixed", "aimd", "quantile"])
def test_every_way_of_batching_refuses_what_it_cannot_bear(tmp_path: Path, batching: str) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with serving(clock, tmp_path, kernel_svm, batching=batching, batch_size=4) as (model, _):
            load = Load(model, clock)
            await load.offer(3000, 0.5)
            askers = await load.offer(3000, 1.0)
            await until(lambda: not model.queue_length)
            counted = tally(askers)
            assert len(counted.answered_s) > 850
            assert counted.median_told_s < 0.005

    run_virtually(scenario)
