"""What happens to one input of one model version; the test plays the replica."""

import asyncio
import gc

import pytest

from clipper.abstraction.evaluation import Evaluation
from clipper.abstraction.model import CONTAINER_LOST, MODEL_REMOVED, QUEUE_FULL, ServedModel
from clipper.abstraction.replica import Batch
from clipper.abstraction.terms import Terms
from clipper.core.inputs import DType, Input
from clipper.wire.batches import ItemFailure, Outcome, ResultBatch
from tests.unit.abstraction.evaluations import Asker, ask, next_batch, number, served_model
from tests.virtual_time import ManualClock, run_virtually

BOOM = ItemFailure("ValueError: boom")


def take(model: ServedModel, clock: ManualClock, limit: int = 1000) -> Batch:
    return Batch(next_batch(model, clock(), limit), clock())


def give(model: ServedModel, clock: ManualClock, batch: Batch, *outcomes: Outcome) -> None:
    model.completed(batch, ResultBatch(list(outcomes), 1_000_000), clock())


def test_miss_is_asked_and_then_cached() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        asker, output = ask(model, number(1), clock())
        assert output is None
        batch = take(model, clock)
        assert [each.input.payload for each in batch.evaluations] == [number(1).payload]
        clock.advance(0.25)
        give(model, clock, batch, b"7")
        assert asker.received == [(0, b"7", clock())]
        later, output = ask(model, number(1), clock())
        assert output == b"7"
        assert later.received == []
        assert not take(model, clock).evaluations
        assert (model.measures.cache_misses, model.measures.cache_hits) == (1, 1)

    run_virtually(scenario)


def test_same_input_in_flight_is_asked_once() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        before = [ask(model, number(1), clock())[0] for _ in range(5)]
        batch = take(model, clock)
        after = [ask(model, number(1), clock())[0] for _ in range(5)]
        assert len(batch.evaluations) == 1
        assert not model.queue_length
        give(model, clock, batch, b"7")
        assert [asker.outcomes for asker in before + after] == [[b"7"]] * 10
        assert model.measures.joined == 9

    run_virtually(scenario)


def test_one_query_may_ask_as_two_members() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        asker = Asker(clock() + 1)
        for member in (0, 1):
            assert model.ask(number(1), clock() + 1, clock(), Terms(1.0), asker, member) is None
        give(model, clock, take(model, clock), b"7")
        assert [(member, outcome) for member, outcome, _ in asker.received] == [(0, b"7"), (1, b"7")]

    run_virtually(scenario)


def test_equal_bytes_of_another_shape_are_another_input() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        shapes = [(2, 3), (3, 2), (6, 1)]
        for shape in shapes:
            ask(model, Input(DType.UINT8, shape, bytes(6)), clock())
        batch = take(model, clock)
        assert [each.input.shape for each in batch.evaluations] == shapes

    run_virtually(scenario)


def test_outcomes_are_per_item_and_failures_do_not_stay() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        askers = [ask(model, number(value), clock())[0] for value in range(3)]
        give(model, clock, take(model, clock), b"0", BOOM, b"2")
        assert [asker.outcomes for asker in askers] == [[b"0"], [BOOM], [b"2"]]
        assert [ask(model, number(value), clock())[1] for value in range(3)] == [b"0", None, b"2"]
        batch = take(model, clock)
        give(model, clock, batch, b"1")
        assert ask(model, number(1), clock())[1] == b"1"
        assert model.measures.failures == 1

    run_virtually(scenario)


def test_full_queue_is_answered_at_once_and_remembers_nothing() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, queue_length=2)
        for value in range(2):
            ask(model, number(value), clock())
        asker, output = ask(model, number(9), clock())
        assert output is None
        assert asker.outcomes == [QUEUE_FULL]
        joined, _ = ask(model, number(1), clock())  # what waits already may be joined
        assert joined.received == []
        give(model, clock, take(model, clock), b"0", b"1")
        again, _ = ask(model, number(9), clock())
        assert again.received == []
        give(model, clock, take(model, clock), b"9")
        assert again.outcomes == [b"9"]
        assert model.measures.rejected == 1

    run_virtually(scenario)


def test_expired_evaluation_is_dropped_and_does_not_block_the_next_query() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        late, _ = ask(model, number(1), clock(), slo_s=0.1)
        clock.advance(0.1)
        fresh, _ = ask(model, number(1), clock(), slo_s=0.1)
        batch = take(model, clock)
        assert len(batch.evaluations) == 1
        give(model, clock, batch, b"1")
        assert late.outcomes == []
        assert fresh.outcomes == [b"1"]
        assert model.measures.dropped == 1

    run_virtually(scenario)


def test_joining_keeps_an_evaluation_for_who_waits_longer() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask(model, number(1), clock(), slo_s=0.1)
        patient, _ = ask(model, number(1), clock(), slo_s=5.0)
        clock.advance(1.0)
        model.drop_expired(clock())
        give(model, clock, take(model, clock), b"1")
        assert patient.outcomes == [b"1"]

    run_virtually(scenario)


def test_query_joins_what_is_in_flight_for_a_client_that_has_gone() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        gone, _ = ask(model, number(1), clock())
        batch = take(model, clock)
        gone.answered = True
        there, _ = ask(model, number(1), clock())
        assert not take(model, clock).evaluations
        give(model, clock, batch, b"1")
        assert there.outcomes == [b"1"]

    run_virtually(scenario)


def test_late_failure_does_not_touch_the_query_that_asked_anew() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask(model, number(1), clock(), slo_s=0.1)
        hung = take(model, clock)
        clock.advance(1.0)
        fresh, _ = ask(model, number(1), clock())
        second = take(model, clock)
        assert len(second.evaluations) == 1
        give(model, clock, hung, BOOM)
        assert fresh.outcomes == []
        give(model, clock, second, b"1")
        assert fresh.outcomes == [b"1"]
        assert ask(model, number(1), clock())[1] == b"1"

    run_virtually(scenario)


@pytest.mark.parametrize("late_first", [True, False])
def test_two_results_for_one_input_are_cached_once(late_first: bool) -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, cache_bytes=3 * 610)
        ask(model, number(1), clock(), slo_s=0.1)
        hung = take(model, clock)
        clock.advance(1.0)
        fresh, _ = ask(model, number(1), clock())
        second = take(model, clock)
        results = [(hung, b"1"), (second, b"2")]
        for batch, outcome in results if late_first else results[::-1]:
            give(model, clock, batch, outcome)
        assert fresh.outcomes == [b"2"]
        assert ask(model, number(1), clock())[1] == (b"1" if late_first else b"2")
        for value in [each for each in range(10, 20) for _ in range(3)]:  # each has to be evicted once, and only once
            if ask(model, number(value), clock())[1] is None:
                give(model, clock, take(model, clock), b"3")
        assert ask(model, number(1), clock())[1] is None

    run_virtually(scenario)


def test_inputs_of_a_lost_batch_go_out_alone_and_only_the_one_lost_again_fails() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        askers = [ask(model, number(value), clock())[0] for value in range(2)]
        first = take(model, clock)
        model.returned([first])
        second = take(model, clock)
        assert second.evaluations == first.evaluations[:1]
        assert [asker.outcomes for asker in askers] == [[], []]
        model.returned([second])
        assert [asker.outcomes for asker in askers] == [[CONTAINER_LOST], []]
        third = take(model, clock)
        assert third.evaluations == first.evaluations[1:]
        give(model, clock, third, b"1")
        assert [asker.outcomes for asker in askers] == [[CONTAINER_LOST], [b"1"]]
        assert not model.queue_length
        assert ask(model, number(0), clock())[1] is None
        assert len(take(model, clock).evaluations) == 1

    run_virtually(scenario)


def test_lost_batch_is_not_asked_again_past_its_deadline() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        late, _ = ask(model, number(1), clock(), slo_s=0.1)
        patient, _ = ask(model, number(2), clock(), slo_s=5.0)
        lost = take(model, clock)
        clock.advance(1.0)
        model.returned([lost])
        batch = take(model, clock)
        assert [each.input.payload for each in batch.evaluations] == [number(2).payload]
        give(model, clock, batch, b"2")
        assert (late.outcomes, patient.outcomes) == ([], [b"2"])

    run_virtually(scenario)


def test_removed_version_fails_what_waits_and_frees_its_cache() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask(model, number(1), clock())
        give(model, clock, take(model, clock), b"1")
        asker, _ = ask(model, number(2), clock())
        await model.stop()
        assert asker.outcomes == [MODEL_REMOVED]
        assert not model.can_answer
        assert not model.queue_length

    run_virtually(scenario)


def test_full_cache_forgets_and_asks_again() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, cache_bytes=0)
        for _ in range(2):
            asker, output = ask(model, number(1), clock())
            assert output is None
            give(model, clock, take(model, clock), b"1")
            assert asker.outcomes == [b"1"]

    run_virtually(scenario)


def live_evaluations() -> int:
    gc.collect()
    return sum(isinstance(each, Evaluation) for each in gc.get_objects())


@pytest.mark.parametrize("taken", [False, True])
def test_memory_is_flat_when_every_query_expires(taken: bool) -> None:
    """200,000 different inputs; whether a replica pulls or housekeeping sweeps, nothing of them stays."""

    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, queue_length=20_000)
        before = live_evaluations()
        for value in range(200_000):
            ask(model, number(value), clock(), slo_s=0.02)
            if value % 10_000 == 9_999:
                clock.advance(0.02)
                if taken:
                    assert not take(model, clock).evaluations
                else:
                    model.drop_expired(clock())
                await asyncio.sleep(0)
        assert model.measures.dropped == 200_000
        assert not model.queue_length
        assert live_evaluations() == before

    run_virtually(scenario)


def test_hung_container_holds_no_more_than_it_was_sent() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask(model, number(1), clock(), slo_s=0.02)
        hung = take(model, clock)
        for _ in range(10_000):
            clock.advance(0.02)
            ask(model, number(1), clock(), slo_s=0.02)
            model.drop_expired(clock())
        assert not hung.evaluations[0].others
        assert model.queue_length <= 1

    run_virtually(scenario)


def test_client_that_goes_takes_its_input_out_of_the_queue() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, queue_length=3)
        gone = [ask(model, number(value), clock())[0] for value in range(3)]
        assert ask(model, number(8), clock())[0].outcomes == [QUEUE_FULL]
        for value, asker in enumerate(gone):
            asker.answered = True
            model.abandon(number(value), clock())
            model.abandon(number(value), clock())  # as when one query asked it twice
        assert model.queue_length == 0
        stays, _ = ask(model, number(9), clock())
        batch = take(model, clock)
        assert [each.input.payload for each in batch.evaluations] == [number(9).payload]
        give(model, clock, batch, b"9")
        assert stays.outcomes == [b"9"]
        assert model.measures.dropped == 3

    run_virtually(scenario)


def test_input_stays_in_the_queue_for_others_who_wait_for_it() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        gone, _ = ask(model, number(1), clock())
        stays, _ = ask(model, number(1), clock())
        gone.answered = True
        model.abandon(number(1), clock())
        give(model, clock, take(model, clock), b"1")
        assert stays.outcomes == [b"1"]

    run_virtually(scenario)


def test_input_in_a_batch_is_not_waited_for_but_its_output_is_kept() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        gone, _ = ask(model, number(1), clock())
        batch = take(model, clock)
        gone.answered = True
        model.abandon(number(1), clock())
        give(model, clock, batch, b"1")
        assert ask(model, number(1), clock())[1] == b"1"

    run_virtually(scenario)
