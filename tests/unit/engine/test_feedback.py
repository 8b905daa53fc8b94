"""One feedback: joined to what the models had said, counted once, kept before it is acknowledged."""

import asyncio

import pytest
from msgspec.structs import replace

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine.feedback import Told, observe_input
from clipper.registry import changes
from clipper.registry.registry import Registry
from clipper.selection.policy import State
from tests.unit.abstraction.evaluations import number
from tests.unit.engine.telling import Waiting, feedback, told
from tests.unit.engine.world import Serving, turns, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run, run_virtually


def state(serving: Serving, context: str | None = None) -> State:
    return serving.engine.applications["app"].states.current(context)


def test_feedback_by_id_reaches_the_state_of_its_context() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("a", "b")), wanted("a"), wanted("b"))
            query, _ = serving.ask("app", number(1), context="user-7")
            serving.answer("a", b"1")
            serving.answer("b", b"2")
            await feedback(serving, query.query_id, b"1")
            assert state(serving, "user-7") == {"right": {"a": 1, "b": 0}, "seen": {"a": 1, "b": 1}}
            assert state(serving) == state(serving, "user-7")  # the population learns from everybody
            assert serving.engine.measures["app"].feedback == 1

    run_virtually(scenario)


def test_repeated_feedback_counts_once() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            query, _ = serving.ask("app", number(1))
            serving.answer("m", b"1")
            for _ in range(3):
                await feedback(serving, query.query_id, b"1")
            assert state(serving)["seen"] == {"m": 1}

    run_virtually(scenario)


def test_repeated_feedback_is_acknowledged_no_earlier_than_the_first_is_kept() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            query, _ = serving.ask("app", number(1))
            serving.answer("m", b"1")
            serving.store.held = []
            first, second = (asyncio.create_task(feedback(serving, query.query_id, b"1")) for _ in range(2))
            await turns(5)
            assert not first.done()
            assert not second.done()
            serving.store.release()
            await asyncio.gather(first, second)
            assert state(serving)["seen"] == {"m": 1}

    run_virtually(scenario)


def test_feedback_that_was_not_kept_may_be_sent_again() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            query, _ = serving.ask("app", number(1))
            serving.answer("m", b"1")
            serving.store.error = ClipperError(ErrorCode.STORE_FULL, "The disk is full")
            with pytest.raises(ClipperError, match="disk is full"):
                await feedback(serving, query.query_id, b"1")
            assert state(serving)["seen"] == {}
            serving.store.error = None
            await feedback(serving, query.query_id, b"1")
            assert state(serving)["seen"] == {"m": 1}

    run_virtually(scenario)


@pytest.mark.parametrize("offset", [1, -1, 10**12])
def test_unknown_id_is_not_found(offset: int) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            query, _ = serving.ask("app", number(1))
            with pytest.raises(ClipperError, match="No query with query_id") as caught:
                await feedback(serving, query.query_id + offset, b"1")
            assert caught.value.code is ErrorCode.NOT_FOUND

    run_virtually(scenario)


def test_id_of_another_application_is_not_found() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            serving.add(application("other", models=("m",)))
            query, _ = serving.ask("other", number(1))
            serving.answer("m", b"1")
            with pytest.raises(ClipperError, match="was not asked of application 'app'") as caught:
                await feedback(serving, query.query_id, b"1")
            assert caught.value.code is ErrorCode.NOT_FOUND
            await feedback(serving, query.query_id, b"1", "other")

    run_virtually(scenario)


def test_feedback_counts_outputs_that_came_after_the_answer() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("a", "b")), wanted("a"), wanted("b"))
            query, client = serving.ask("app", number(1))
            serving.answer("a", b"1")
            late = serving.take("b")
            assert query.application is not None
            query.application.conclude(query, query.deadline)
            assert client.outputs == [b"1"]
            serving.give("b", late, [b"1"])
            await feedback(serving, query.query_id, b"1")
            assert state(serving)["right"] == {"a": 1, "b": 1}

    run_virtually(scenario)


async def _observe_input(serving: Serving, context: str | None = None) -> None:
    reply = Waiting()
    observe_input(serving.engine.applications["app"], number(1), context, Told(b"1"), reply)
    await reply.done


def test_feedback_by_input_joins_through_the_cache() -> None:
    async def scenario() -> None:
        async with Serving(monotonic) as serving:
            serving.add(application(models=("m",)), wanted())
            serving.ask("app", number(1))
            serving.answer("m", b"1")
            await _observe_input(serving, "user-7")
            assert not serving.take("m").evaluations
            assert state(serving, "user-7") == {"right": {"m": 1}, "seen": {"m": 1}}

    run(scenario())


def test_feedback_by_input_asks_again_what_the_cache_has_forgotten() -> None:
    async def scenario() -> None:
        async with Serving(monotonic) as serving:
            serving.add(application(models=("m",)), wanted())
            observing = asyncio.create_task(_observe_input(serving))
            await turns(2)
            serving.answer("m", b"2")
            await observing
            assert state(serving) == {"right": {"m": 0}, "seen": {"m": 1}}

    run(scenario())


def test_feedback_by_input_for_an_application_without_models_is_refused() -> None:
    async def scenario() -> None:
        async with Serving(monotonic) as serving:
            serving.add(application())
            with pytest.raises(ClipperError, match="No model is linked") as caught:
                await _observe_input(serving)
            assert caught.value.code is ErrorCode.UNAVAILABLE

    run(scenario())


def test_feedback_by_reward_judges_the_answer() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            query, _ = serving.ask("app", number(1))
            serving.answer("m", b"1")
            await told(serving, query.query_id, Told(None, 0.25))
            assert state(serving) == {"right": {"m": 0.25}, "seen": {"m": 1}}
            assert serving.engine.measures["app"].judged == {}  # a reward does not say what is true

    run_virtually(scenario)


def test_one_key_counts_once_for_whatever_it_is_sent() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            for _ in range(3):
                query, _ = serving.ask("app", number(1))
                if query.waiting:
                    serving.answer("m", b"1")
                await feedback(serving, query.query_id, b"1", key="order-7")
            assert state(serving)["seen"] == {"m": 1}
            assert serving.engine.measures["app"].feedback == 1

    run_virtually(scenario)


def test_label_that_the_policy_cannot_learn_from_is_refused() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(replace(application(models=("m",)), policy="split_model"), wanted())
            query, _ = serving.ask("app", number(1))
            serving.answer("m", b"1.0")
            with pytest.raises(ClipperError, match="label") as caught:
                await feedback(serving, query.query_id, b'"cat"')
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
            await feedback(serving, query.query_id, b"3.0")  # it was not counted

    run_virtually(scenario)


def test_states_survive_a_change_of_the_linked_models_and_feedback_on_its_way_counts() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("a",)), wanted("a"), wanted("b"))
            query, _ = serving.ask("app", number(1), context="ann")
            serving.answer("a", b"1")
            await feedback(serving, query.query_id, b"1")
            serving.store.held = []
            again, _ = serving.ask("app", number(1), context="ann")
            late = asyncio.create_task(feedback(serving, again.query_id, b"1"))
            await turns(4)
            held, serving.store.held = serving.store.held, None
            serving.change(changes.link_models(Registry(serving.store).snapshot(), "app", ("b",)))
            serving.store.held = held
            serving.store.release()
            await late
            both, _ = serving.ask("app", number(2), context="ann")
            assert both.selection is not None
            assert set(both.selection.models) == {"a", "b"}
            serving.answer("a", b"1")
            serving.answer("b", b"2")
            await feedback(serving, both.query_id, b"2")
            serving.engine.applications["app"].states.refresh()
            assert state(serving, "ann")["seen"] == {"a": 3, "b": 1}
            assert state(serving)["seen"] == {"a": 3, "b": 1}

    run_virtually(scenario)
