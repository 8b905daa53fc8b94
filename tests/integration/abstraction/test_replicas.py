"""A model version and its containers over real sockets, in virtual time: whatever they do, queries come out right."""

import asyncio
from pathlib import Path

import pytest

from clipper.abstraction.batching.controller import PIPELINE_DEPTH
from clipper.abstraction.model import CONTAINER_LOST, MAX_ATTEMPTS, ServedModel
from clipper.core.inputs import DType, Input
from clipper.wire.batches import InputBatch, ItemFailure
from clipper.wire.frames import MAX_BODY_BYTES
from tests.fake_container import (
    Behaviour,
    FakeContainer,
    after,
    close,
    echo,
    fail_items,
    first,
    garbage,
    goodbye,
    never,
    too_many,
    unknown_batch,
)
from tests.unit.abstraction.evaluations import Asker, ask, number, served_model, until
from tests.virtual_time import ManualClock, run_virtually
from tests.wire.arrays import TOKEN

NO_BATCH = InputBatch(DType.FLOAT64, 1, [(0,)], memoryview(b""))


async def ready(model: ServedModel, *containers: FakeContainer) -> None:
    for place, container in enumerate(containers):
        model.add_replica(place, container.address, TOKEN)
    await until(lambda: all(replica.ready for replica in model.replicas.values()))


def ask_many(model: ServedModel, values: range, now: float, slo_s: float = 1.0) -> dict[int, Asker]:
    return {value: ask(model, number(value), now, slo_s)[0] for value in values}


def all_right(askers: dict[int, Asker]) -> bool:
    return all(asker.outcomes == [number(value).payload] for value, asker in askers.items())


def test_one_turn_of_the_loop_makes_one_batch(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container:
            model = served_model(clock, batch_size=100)
            await ready(model, container)
            askers = ask_many(model, range(10), clock())
            await until(lambda: all_right(askers))
            assert [len(batch) for batch in container.batches] == [10]
            await model.stop()

    run_virtually(scenario)


def test_no_more_batches_are_in_flight_than_the_pipeline_holds(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", never) as container:
            model = served_model(clock, batch_size=3)
            await ready(model, container)
            ask_many(model, range(20), clock(), slo_s=50)
            await container.until(lambda: len(container.batches) == PIPELINE_DEPTH)
            await until(lambda: clock() > 1010.0)
            assert [len(batch) for batch in container.batches] == [3] * PIPELINE_DEPTH
            assert model.queue_length == 20 - 3 * PIPELINE_DEPTH
            await model.stop()

    run_virtually(scenario)


@pytest.mark.parametrize("bad", [too_many(-1), too_many(1), too_many(-3), unknown_batch, garbage, close])
def test_batch_is_asked_again_when_the_container_breaks_its_word(tmp_path: Path, bad: Behaviour) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", first(1, bad)) as container:
            model = served_model(clock, batch_size=100)
            await ready(model, container)
            askers = ask_many(model, range(3), clock())
            await until(lambda: all_right(askers))
            assert container.payloads == [number(value).payload for value in [0, 1, 2, 0, 1, 2]]
            assert len(container.peers) == 2
            await model.stop()

    run_virtually(scenario)


@pytest.mark.parametrize("bad", [too_many(-1), unknown_batch, garbage, close])
def test_container_that_breaks_its_word_at_every_batch_is_asked_twice(tmp_path: Path, bad: Behaviour) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", bad) as container:
            model = served_model(clock, batch_size=100)
            await ready(model, container)
            askers = ask_many(model, range(3), clock())
            await until(lambda: all(asker.received for asker in askers.values()))
            assert [asker.outcomes for asker in askers.values()] == [[CONTAINER_LOST]] * 3
            assert len(container.payloads) == 3 * MAX_ATTEMPTS
            container.behaviour = echo
            again = ask_many(model, range(3), clock())
            await until(lambda: all_right(again))
            await model.stop()

    run_virtually(scenario)


@pytest.mark.parametrize("bad", [garbage, close, goodbye, too_many(1)])
def test_container_that_ends_again_and_again_under_load_raises_nowhere(tmp_path: Path, bad: Behaviour) -> None:
    """Queries come in every turn of the loop, so also in those between the end of a connection and its report."""

    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "a", bad) as flapping, FakeContainer(tmp_path / "b") as sound:
            model = served_model(clock, batch_size=2)
            await ready(model, flapping, sound)
            askers: dict[int, Asker] = {}
            for value in range(600):
                askers |= ask_many(model, range(value, value + 1), clock(), slo_s=5)
                await asyncio.sleep(0)
                clock.advance(0.001)
            await until(lambda: all(asker.received for asker in askers.values()))
            assert all(len(asker.received) == 1 for asker in askers.values())
            sent = flapping.payloads + sound.payloads
            assert max(sent.count(number(value).payload) for value in askers) <= MAX_ATTEMPTS
            assert len(flapping.peers) > 5
            await model.stop()

    run_virtually(scenario)


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("ending", [garbage, close, goodbye])
def test_query_that_comes_while_a_connection_ends_is_answered(tmp_path: Path, ending: Behaviour, steps: int) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container:
            model = served_model(clock)
            await ready(model, container)
            (peer,) = container.peers
            await ending(peer, 0, NO_BATCH)
            for _ in range(steps):
                await asyncio.sleep(0)
            asker = await answer(model, clock, 1)
            assert asker.outcomes == [number(1).payload]
            await model.stop()

    run_virtually(scenario)


def test_batch_of_a_lost_container_goes_to_another_replica(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "a", never) as hung, FakeContainer(tmp_path / "b", never) as other:
            model = served_model(clock, batch_size=2)
            await ready(model, hung)
            askers = ask_many(model, range(4), clock())
            await hung.until(lambda: len(hung.payloads) == 4)
            other.behaviour = echo
            model.add_replica(1, other.address, TOKEN)
            await until(lambda: model.replicas[1].ready)
            await hung.stop()
            await until(lambda: all_right(askers))
            assert len(other.payloads) == 4
            await model.stop()

    run_virtually(scenario)


def test_expired_work_is_not_asked_again(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", first(1, after(0.5, close))) as container:
            model = served_model(clock, batch_size=10)
            await ready(model, container)
            (asker, _) = ask(model, number(1), clock(), slo_s=0.1)
            await until(lambda: len(container.peers) == 2)
            assert (await answer(model, clock, 2)).outcomes == [number(2).payload]
            assert container.payloads == [number(1).payload, number(2).payload]
            assert asker.received == []
            await model.stop()

    run_virtually(scenario)


async def answer(model: ServedModel, clock: ManualClock, value: int) -> Asker:
    asker, output = ask(model, number(value), clock())
    assert output is None
    await until(lambda: bool(asker.received))
    return asker


def test_container_that_never_answers_holds_up_no_later_query(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "a", never) as hung, FakeContainer(tmp_path / "b") as sound:
            model = served_model(clock, batch_size=10)
            await ready(model, hung)
            late, _ = ask(model, number(1), clock(), slo_s=0.1)
            await hung.until(lambda: len(hung.payloads) == 1)
            ask(model, number(2), clock(), slo_s=0.1)
            await hung.until(lambda: len(hung.payloads) == 2)
            model.add_replica(1, sound.address, TOKEN)
            await until(lambda: model.replicas[1].ready)
            clock.advance(1.0)
            assert late.received == []
            for value in (1, 2):
                assert (await answer(model, clock, value)).outcomes == [number(value).payload]
            await model.stop()

    run_virtually(scenario)


def test_late_result_fills_the_cache(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", after(3.0)) as container:
            model = served_model(clock)
            await ready(model, container)
            late, _ = ask(model, number(1), clock(), slo_s=0.1)
            await until(lambda: bool(late.received))
            assert clock() > late.deadline + 2
            _, output = ask(model, number(1), clock())
            assert output == number(1).payload
            await model.stop()

    run_virtually(scenario)


def test_model_that_is_always_late_answers_from_the_cache_in_the_end(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", after(1.0)) as container:
            model = served_model(clock, batch_size=1)
            await ready(model, container)
            output = None
            for _ in range(40):  # one query each 50 ms, each willing to wait 20 ms
                _, output = ask(model, number(1), clock(), slo_s=0.02)
                wake = clock() + 0.05
                await until(lambda: clock() >= wake)  # noqa: B023 - awaited before it changes
            assert output == number(1).payload
            assert len(container.payloads) <= PIPELINE_DEPTH + 1
            await until(lambda: not any("1 in flight" in repr(each) for each in model.replicas.values()))
            await model.stop()

    run_virtually(scenario)


def test_failed_item_fails_alone_and_is_asked_again_next_time(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", first(1, fail_items)) as container:
            model = served_model(clock, batch_size=10)
            await ready(model, container)
            askers = ask_many(model, range(4), clock())
            await until(lambda: all(asker.received for asker in askers.values()))
            failure = ItemFailure("ValueError: odd one")
            good = [number(0).payload, failure, number(2).payload, failure]
            assert [outcome for asker in askers.values() for outcome in asker.outcomes] == good
            assert ask(model, number(2), clock())[1] == number(2).payload
            assert (await answer(model, clock, 1)).outcomes == [number(1).payload]
            assert len(container.peers) == 1
            await model.stop()

    run_virtually(scenario)


def test_replica_removed_under_load_loses_nothing(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "a", after(0.02)) as a, FakeContainer(tmp_path / "b", after(0.02)) as b:
            model = served_model(clock, batch_size=5)
            await ready(model, a, b)
            askers: dict[int, Asker] = {}
            for value in range(300):
                askers |= ask_many(model, range(value, value + 1), clock(), slo_s=30)
                await asyncio.sleep(0.001)
                if value == 150:
                    await model.remove_replica(0)
                    seen = len(a.batches)
            await until(lambda: all_right(askers))
            assert 2 < seen <= len(a.batches) < seen + PIPELINE_DEPTH  # what was in its socket already
            await model.stop()

    run_virtually(scenario)


def test_input_too_large_for_the_wire_fails_alone(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container:
            model = served_model(clock, batch_size=10)
            await ready(model, container)
            huge = Input(DType.FLOAT64, (MAX_BODY_BYTES // 8,), bytes(MAX_BODY_BYTES))
            before = ask_many(model, range(2), clock())
            asker, _ = ask(model, huge, clock())
            behind = ask_many(model, range(10, 12), clock())
            await until(lambda: all_right(before | behind) and bool(asker.received))
            (failure,) = asker.outcomes
            assert isinstance(failure, ItemFailure)
            assert "exceeds the limit" in failure.message
            assert len(container.peers) == 1
            await until(lambda: "0 in flight" in repr(model.replicas[0]))
            await model.stop()

    run_virtually(scenario)


def test_stop_with_work_in_flight_and_queued_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", never) as container:
            model = served_model(clock, batch_size=2)
            await ready(model, container)
            askers = ask_many(model, range(10), clock())
            await container.until(lambda: len(container.payloads) == 4)
            await model.stop()
            assert not model.queue_length
            assert not model.replicas
            assert all(len(asker.received) <= 1 for asker in askers.values())

    run_virtually(scenario)
