"""What an application's terms make of the prediction cache: age, and whether it is used at all."""

import gc
import tracemalloc

import pytest

from clipper.abstraction.model import ServedModel
from clipper.abstraction.replica import Batch
from clipper.abstraction.terms import Terms
from clipper.wire.batches import ItemFailure, Outcome, ResultBatch
from tests.unit.abstraction.evaluations import ask_on, next_batch, number, served_model
from tests.virtual_time import ManualClock, run_virtually

FOR_EVER = Terms(1.0)
TEN_SECONDS = Terms(1.0, ttl_s=10.0)
UNCACHED = Terms(1.0, cached=False)


def compute(model: ServedModel, clock: ManualClock, outcome: Outcome) -> int:
    """Answer all that waits; returns how much that was."""
    evaluations = next_batch(model, clock())
    if evaluations:
        model.completed(Batch(evaluations, clock()), ResultBatch([outcome] * len(evaluations), 1_000_000), clock())
    return len(evaluations)


def test_an_output_is_asked_anew_once_it_is_too_old_for_who_asks() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask_on(TEN_SECONDS, model, number(1), clock())
        compute(model, clock, b"1")
        clock.advance(10.0)
        assert ask_on(TEN_SECONDS, model, number(1), clock())[1] == b"1"
        clock.advance(0.01)
        first, output = ask_on(TEN_SECONDS, model, number(1), clock())
        second, joined = ask_on(TEN_SECONDS, model, number(1), clock())
        assert output is joined is None
        assert ask_on(FOR_EVER, model, number(1), clock())[1] == b"1"
        assert compute(model, clock, b"22") == 1
        assert first.outcomes == second.outcomes == [b"22"]
        for terms in (TEN_SECONDS, FOR_EVER):
            assert ask_on(terms, model, number(1), clock())[1] == b"22"
        clock.advance(9.0)
        assert ask_on(TEN_SECONDS, model, number(1), clock())[1] == b"22"

    run_virtually(scenario)


@pytest.mark.parametrize("fails", [True, False])
def test_an_output_that_could_not_be_renewed_stays_for_whom_it_is_young_enough(fails: bool) -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask_on(FOR_EVER, model, number(1), clock())
        compute(model, clock, b"1")
        for _ in range(3):
            clock.advance(20.0)
            asker, output = ask_on(TEN_SECONDS, model, number(1), clock())
            assert output is None
            if fails:
                assert compute(model, clock, ItemFailure("boom")) == 1
                assert asker.outcomes == [ItemFailure("boom")]
            else:
                clock.advance(2.0)
                model.drop_expired(clock())
            assert ask_on(FOR_EVER, model, number(1), clock())[1] == b"1"
        assert not model.queue_length

    run_virtually(scenario)


def test_a_renewal_takes_the_place_of_one_that_was_evicted_meanwhile() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, cache_bytes=2 * 610)
        ask_on(FOR_EVER, model, number(1), clock())
        compute(model, clock, b"1")
        clock.advance(20.0)
        ask_on(TEN_SECONDS, model, number(1), clock())
        renewals = next_batch(model, clock(), 1)
        for value in range(2, 10):
            ask_on(FOR_EVER, model, number(value), clock())
            compute(model, clock, b"0")
        model.completed(Batch(renewals, clock()), ResultBatch([b"2"], 1), clock())
        assert ask_on(TEN_SECONDS, model, number(1), clock())[1] == b"2"
        assert ask_on(FOR_EVER, model, number(1), clock())[1] == b"2"

    run_virtually(scenario)


def test_a_hung_renewal_is_asked_anew() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        ask_on(FOR_EVER, model, number(1), clock())
        compute(model, clock, b"1")
        clock.advance(20.0)
        late, _ = ask_on(TEN_SECONDS, model, number(1), clock())
        hung = next_batch(model, clock(), 1)
        clock.advance(2.0)
        fresh, _ = ask_on(TEN_SECONDS, model, number(1), clock())
        assert compute(model, clock, b"2") == 1
        assert (late.outcomes, fresh.outcomes) == ([], [b"2"])
        model.completed(Batch(hung, clock()), ResultBatch([b"3"], 1), clock())
        assert late.outcomes == [b"3"]
        assert ask_on(TEN_SECONDS, model, number(1), clock())[1] in (b"2", b"3")

    run_virtually(scenario)


def test_without_the_cache_nothing_is_taken_from_it_or_left_there() -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        for outcome in (b"1", b"2"):
            asker, output = ask_on(UNCACHED, model, number(1), clock())
            assert output is None
            assert compute(model, clock, outcome) == 1
            assert asker.outcomes == [outcome]
        ask_on(FOR_EVER, model, number(1), clock())
        assert compute(model, clock, b"3") == 1
        assert ask_on(UNCACHED, model, number(1), clock())[1] is None
        assert compute(model, clock, b"4") == 1
        assert ask_on(FOR_EVER, model, number(1), clock())[1] == b"3"

    run_virtually(scenario)


@pytest.mark.parametrize("order", [(UNCACHED, FOR_EVER), (FOR_EVER, UNCACHED)])
def test_what_is_in_flight_is_joined_and_kept_if_anybody_wants_it_kept(order: tuple[Terms, Terms]) -> None:
    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock)
        askers = [ask_on(terms, model, number(1), clock())[0] for terms in order]
        assert compute(model, clock, b"1") == 1
        assert [asker.outcomes for asker in askers] == [[b"1"], [b"1"]]
        assert ask_on(FOR_EVER, model, number(1), clock())[1] == b"1"

    run_virtually(scenario)


@pytest.mark.parametrize("terms", [FOR_EVER, TEN_SECONDS, UNCACHED])
def test_queries_that_all_expire_leave_memory_flat(terms: Terms) -> None:
    """`python -m benchmarks.cache` does it with a million."""

    async def scenario(clock: ManualClock) -> None:
        model = served_model(clock, queue_length=1000)

        def expire(count: int) -> None:
            for value in range(count):
                ask_on(terms, model, number(value), clock())
                if value % 500 == 499:
                    clock.advance(2.0)
                    model.drop_expired(clock())
            assert not model.queue_length

        expire(2000)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            expire(20_000)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert model.measures.dropped == 22_000
        assert after - before < 20_000  # one byte for each

    run_virtually(scenario)
