"""Ensembles through the engine: who is in an answer, how sure it is, and what happens where that is not enough."""

import asyncio

import pytest
from msgspec.structs import replace

from clipper.core.errors import ClipperError
from clipper.core.prediction import UNSURE
from clipper.engine.feedback import Told
from clipper.registry.entities import Application
from tests.unit.abstraction.evaluations import number
from tests.unit.engine.telling import feedback, told
from tests.unit.engine.test_policies import MODELS, answer_all, app
from tests.unit.engine.world import Serving, wanted
from tests.virtual_time import ManualClock, run_virtually


def careful(threshold: float, **config: object) -> Application:
    return replace(app("majority", config), confidence_threshold=threshold)


def test_who_is_missing_at_the_deadline_is_named() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("majority"), *map(wanted, MODELS))
            query, client = serving.ask("app", number(1))
            serving.answer("b", b"1")
            await asyncio.sleep(0.1)
            assert client.outputs == [b"1"]
            assert query.missing == ("a", "c")
            assert query.answer is not None
            assert (round(query.answer.confidence, 3), query.answer.weights) == (0.333, (0.0, 1.0, 0.0))

    run_virtually(scenario)


def test_nobody_misses_a_shadow() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("split", {"weights": {"a": 1}, "shadow": ["b"]}), *map(wanted, MODELS))
            query, _ = serving.ask("app", number(1))
            serving.answer("a", b"1")
            assert query.answer is not None
            assert (query.answer.weights, query.missing) == ((1.0, 0.0), ())

    run_virtually(scenario)


def test_late_output_is_cached_and_counts_for_feedback() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("hedge"), *map(wanted, MODELS))
            query, client = serving.ask("app", number(1))
            late = serving.take("c")
            serving.answer("a", b"1")
            await asyncio.sleep(0.1)
            assert client.outputs == [b"1"]
            serving.give("c", late, [b"2"])
            assert query.outputs() == [b"1", None, b"2"]
            assert query.missing == ("b", "c")  # as it was answered
            states = serving.engine.applications["app"].states
            await feedback(serving, query.query_id, b"2")
            assert states.current(None)["seen"] == {"a": 1, "c": 1}
            serving.ask("app", number(1))
            assert serving.engine.models["c", "1"].measures.cache_hits == 1

    run_virtually(scenario)


def test_default_is_answered_where_the_members_disagree_too_much() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(careful(0.6), *map(wanted, MODELS))
            outputs = {"a": b"1", "b": b"2", "c": b"3"}
            _, client = serving.ask("app", number(1))
            answer_all(serving, client, outputs)
            assert client.outputs == [b"-1.0"]
            assert client.explanations == ["The confidence 0.3333 is below the application's threshold 0.6"]
            assert serving.engine.measures["app"].defaults == {UNSURE: 1}
            _, client = serving.ask("app", number(2))
            answer_all(serving, client, {**outputs, "b": b"1"})
            assert (client.outputs, client.explanations) == ([b"1"], [None])

    run_virtually(scenario)


def test_reward_for_a_default_is_nobodys() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(careful(0.6), *map(wanted, MODELS))
            query, client = serving.ask("app", number(1))
            answer_all(serving, client, {"a": b"1", "b": b"2", "c": b"3"})
            with pytest.raises(ClipperError, match="answered with the default output"):
                await told(serving, query.query_id, Told(None, 1.0))
            await feedback(serving, query.query_id, b"2")  # a label judges what each of them has said
            assert serving.engine.applications["app"].states.current(None)["right"] == {"a": 0.0, "b": 1.0, "c": 0.0}

    run_virtually(scenario)


def test_answer_that_is_decided_waits_for_those_who_could_make_it_sure() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(careful(0.9), *map(wanted, MODELS))
            _, client = serving.ask("app", number(1))
            serving.answer("a", b"1")
            serving.answer("b", b"1")
            assert not client.answers
            serving.answer("c", b"1")
            assert client.outputs == [b"1"]

    run_virtually(scenario)


def test_single_model_is_as_sure_as_feedback_has_found_it() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(replace(careful(0.8, calibrated=True), models=("a",)), wanted("a"))
            explanations = []
            for value in range(10):
                query, client = serving.ask("app", number(value))
                serving.answer("a", b"1")
                explanations += client.explanations
                await feedback(serving, query.query_id, b"2")
            assert explanations[0] is None
            assert explanations[-1] is not None

    run_virtually(scenario)


def test_confidence_that_is_calibrated_is_that_of_the_answer_as_it_was_given() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("majority", {"calibrated": True}), *map(wanted, MODELS))
            query, client = serving.ask("app", number(1))
            serving.answer("a", b"1")
            serving.answer("b", b"1")
            assert client.outputs == [b"1"]  # two of three: stated with 2/3, whatever the third says afterwards
            serving.answer("c", b"1")
            await feedback(serving, query.query_id, b"1")
            bins = serving.engine.applications["app"].states.current(None)["bins"]
            assert [place for place, (_, seen) in enumerate(bins) if seen] == [13]

    run_virtually(scenario)
