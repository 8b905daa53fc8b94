"""Every policy that an application can name serves queries and learns from feedback, through the engine."""

from typing import Any

import pytest

from clipper.core.prediction import SLO_MISSED
from clipper.registry.entities import Application
from clipper.selection.policies import POLICIES
from clipper.wire.batches import ItemFailure
from tests.unit.abstraction.evaluations import next_batch, number, until
from tests.unit.engine.telling import feedback
from tests.unit.engine.world import Client, Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually

MODELS = ("a", "b", "c")


def app(policy: str, config: dict[str, Any] | None = None, models: tuple[str, ...] = MODELS) -> Application:
    plain = application()
    return Application(
        name="app",
        input_type=plain.input_type,
        default_output="-1.0",
        latency_slo_micros=plain.latency_slo_micros,
        policy=policy,
        policy_config=config or {},
        models=models,
    )


def waiting(serving: Serving) -> list[str]:
    return [name for name in MODELS if serving.engine.models[name, "1"].queue_length]


def answer_all(serving: Serving, client: Client, outputs: dict[str, bytes]) -> None:
    """What is asked is answered until nothing is, or the client has its answer."""
    while not client.answers and (names := waiting(serving)):
        for name in names:
            serving.answer(name, outputs[name])


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("policy", POLICIES)
def test_policy_answers_and_learns(policy: str, calibrated: bool) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app(policy, {"calibrated": calibrated}), *map(wanted, MODELS))
            states = serving.engine.applications["app"].states
            for value in range(20):
                query, client = serving.ask("app", number(value), context="user-7")
                answer_all(serving, client, {"a": b"1.0", "b": b"0.0", "c": b"1"})
                assert client.explanations == [None]
                before = states.current("user-7")
                await feedback(serving, query.query_id, b"1")
                assert states.current("user-7") != before
                for name in waiting(serving):  # whom nobody waited for
                    serving.answer(name, b"1")
            states.refresh()
            assert states.current("user-7") != before

    run_virtually(scenario)


def test_shadow_is_asked_and_not_waited_for() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            config = {"weights": {"a": 1}, "shadow": ["b"]}
            serving.add(app("split", config), *map(wanted, MODELS))
            query, client = serving.ask("app", number(1))
            assert waiting(serving) == ["a", "b"]
            serving.answer("a", b"1")
            assert client.outputs == [b"1"]
            serving.answer("b", b"2")
            assert query.outputs() == [b"1", b"2"]  # it is in the journal for the feedback
            assert len(client.answers) == 1
            _, again = serving.ask("app", number(1))
            assert again.outputs == [b"1"]

    run_virtually(scenario)


def test_cached_model_answers_while_its_shadow_is_still_asked() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("split", {"weights": {"a": 1}, "shadow": ["b"]}), *map(wanted, MODELS))
            _, first = serving.ask("app", number(1))
            serving.answer("a", b"1")
            batch = next_batch(serving.engine.models["b", "1"], clock())
            _, second = serving.ask("app", number(1))
            assert (first.outputs, second.outputs) == ([b"1"], [b"1"])
            assert batch

    run_virtually(scenario)


def test_cascade_asks_the_next_one_while_it_is_not_sure() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("cascade", {"order": ["c", "a", "b"], "confidence": 0.7}), *map(wanted, MODELS))
            asked = []
            for value in range(3):
                query, client = serving.ask("app", number(value))
                answer_all(serving, client, dict.fromkeys(MODELS, b"1"))
                assert query.selection is not None
                asked.append(query.selection.models)
                await feedback(serving, query.query_id, b"1")
            assert asked == [("c", "a", "b"), ("c", "a", "b"), ("c",)]
            assert serving.engine.measures["app"].queries == 3

    run_virtually(scenario)


def test_cascade_answers_with_what_it_has_at_the_deadline() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("cascade"), *map(wanted, MODELS))
            _, client = serving.ask("app", number(1))
            serving.answer("a", b"5")
            assert not client.answers
            await until(lambda: bool(client.answers))
            assert client.outputs == [b"5"]
            _, late = serving.ask("app", number(2))
            await until(lambda: bool(late.answers))
            assert late.explanations == [SLO_MISSED]

    run_virtually(scenario)


def test_cascade_goes_on_where_a_model_fails_and_from_the_cache() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("cascade"), *map(wanted, MODELS))
            _, first = serving.ask("app", number(1))
            serving.answer("a", ItemFailure("no"))
            serving.answer("b", b"2")
            serving.answer("c", b"3")
            assert first.outputs == [b"3"]
            serving.ask("app", number(1))
            serving.answer("a", b"1")
            _, cached = serving.ask("app", number(1))
            assert cached.outputs == [b"3"]

    run_virtually(scenario)


def test_wrong_settings_leave_other_applications_served() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("exp3", {"eta": -1}), *map(wanted, MODELS))
            assert not serving.engine.applications

    run_virtually(scenario)
