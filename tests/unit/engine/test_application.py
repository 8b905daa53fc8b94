"""What happens to a query between its arrival and its answer."""

from collections.abc import Sequence

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.prediction import NO_MODELS, SLO_MISSED
from clipper.engine.application import encode_default
from clipper.engine.query import EXACT, FRESH
from clipper.registry import changes
from clipper.registry.entities import Application
from clipper.wire.batches import ItemFailure, Outcome
from tests.unit.abstraction.evaluations import number, until
from tests.unit.engine.world import Serving, wanted
from tests.unit.registry.world import application, model
from tests.virtual_time import ManualClock, run_virtually

SLO_S = 0.02
"""Of the applications here."""


def app(*models: str, policy: str = "majority") -> Application:
    return Application(
        name="app",
        input_type=application().input_type,
        default_output="-1.0",
        latency_slo_micros=20_000,
        policy=policy,
        models=models,
    )


def test_answer_is_what_the_model_said() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            query, client = serving.ask("app", number(1))
            assert not client.answers
            serving.answer("m", b"7")
            assert client.answers == [(b"7", None, clock())]
            assert query.outputs() == [b"7"]
            _, again = serving.ask("app", number(1))
            assert again.outputs == [b"7"]

    run_virtually(scenario)


def test_deadline_without_an_answer_gives_the_default_in_time() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            asked_at = clock()
            _, client = serving.ask("app", number(1))
            await until(lambda: bool(client.answers))
            ((output, explanation, now),) = client.answers
            assert output == b"-1.0"
            assert explanation == SLO_MISSED
            assert SLO_MISSED == "Failed to retrieve a prediction response within the specified latency SLO"
            assert 0.9 * SLO_S <= now - asked_at + 1e-9 <= SLO_S
            assert serving.engine.measures["app"].defaults == {SLO_MISSED: 1}

    run_virtually(scenario)


def test_application_without_models_answers_the_default_at_once() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app())
            _, client = serving.ask("app", number(1))
            assert client.outputs == [b"-1.0"]
            assert client.explanations == [NO_MODELS] == ["No connected models found for query"]

    run_virtually(scenario)


def test_model_that_nobody_serves_is_no_connected_model() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), model("m", replicas=0))
            _, client = serving.ask("app", number(1))
            assert client.explanations == [NO_MODELS]
            assert len(serving.engine.deadlines) == 0

    run_virtually(scenario)


@pytest.mark.parametrize(
    ("outcomes", "output", "needed"),
    [
        ((b"1", b"2", b"2"), b"2", 2),  # the third cannot change it
        ((b"1", ItemFailure("ValueError: no"), b"1"), b"1", 3),
        ((ItemFailure("x"), b"3", ItemFailure("y")), b"3", 3),
    ],
)
def test_several_models_are_combined_once_the_answer_is_decided(
    outcomes: Sequence[Outcome], output: bytes, needed: int
) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b", "c"), wanted("a"), wanted("b"), wanted("c"))
            _, client = serving.ask("app", number(1))
            for given, (name, outcome) in enumerate(zip("bca", [*outcomes[1:], outcomes[0]], strict=True)):
                assert len(client.answers) == (given >= needed)
                serving.answer(name, outcome)
            assert client.outputs == [output]
            assert client.explanations == [None]

    run_virtually(scenario)


def test_what_has_arrived_by_the_deadline_is_combined() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b", "c"), wanted("a"), wanted("b"), wanted("c"))
            query, client = serving.ask("app", number(1))
            serving.answer("b", b"5")
            late = serving.take("c")
            await until(lambda: bool(client.answers))
            assert client.outputs == [b"5"]
            assert client.explanations == [None]
            serving.give("c", late, [b"6"])  # it comes for the cache, and for feedback
            assert len(client.answers) == 1
            assert query.outputs() == [None, b"5", b"6"]

    run_virtually(scenario)


def test_failure_of_every_model_gives_the_default_and_says_why() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b"), wanted("a"), wanted("b"))
            _, client = serving.ask("app", number(1))
            serving.answer("b", ItemFailure("ValueError: too bad"))
            serving.answer("a", ItemFailure("TypeError: not you"))
            assert client.outputs == [b"-1.0"]
            assert client.explanations == ["TypeError: not you"]
            assert serving.engine.measures["app"].defaults == {"model failed": 1}

    run_virtually(scenario)


def test_members_from_the_cache_and_from_a_container_meet() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b"), wanted("a"), wanted("b"))
            serving.change(changes.add_application(serving.now, replaced(app("b"), "only-b")))
            serving.ask("only-b", number(1))
            serving.answer("b", b"1")
            _, client = serving.ask("app", number(1))
            serving.answer("a", b"1")
            assert client.outputs == [b"1"]
            _, again = serving.ask("app", number(1))
            assert again.outputs == [b"1"]
            assert (client.cached, again.cached) == ([FRESH], [EXACT])

    run_virtually(scenario)


def replaced(spec: Application, name: str) -> Application:
    return Application(
        name=name,
        input_type=spec.input_type,
        default_output=spec.default_output,
        latency_slo_micros=spec.latency_slo_micros,
        policy=spec.policy,
        models=spec.models,
    )


@pytest.mark.parametrize("deadline_first", [True, False])
def test_query_is_answered_once_when_its_deadline_and_its_output_meet(deadline_first: bool) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            query, client = serving.ask("app", number(1))
            batch = serving.take("m")
            if deadline_first:
                await until(lambda: bool(client.answers))
                serving.give("m", batch, [b"7"])
                assert client.outputs == [b"-1.0"]
            else:
                clock.now = query.deadline
                serving.give("m", batch, [b"7"])
                await until(lambda: len(serving.engine.deadlines) == 0)
                assert client.outputs == [b"7"]
            assert len(client.answers) == 1
            assert serving.engine.measures["app"].queries == 1

    run_virtually(scenario)


def test_cancelled_query_is_not_answered() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            in_flight, client = serving.ask("app", number(1))
            batch = serving.take("m")
            queued, other = serving.ask("app", number(2))
            in_flight.cancel()
            assert serving.engine.models["m", "1"].queue_length == 1
            queued.cancel()
            assert serving.engine.models["m", "1"].queue_length == 0
            serving.give("m", batch, [b"7"])
            assert not serving.take("m").evaluations
            await until(lambda: len(serving.engine.deadlines) == 0)
            assert not client.answers
            assert not other.answers

    run_virtually(scenario)


def test_full_queue_gives_the_default_at_once() -> None:
    from clipper.abstraction.layer import ModelLayerConfig
    from clipper.abstraction.queue import QueueConfig
    from clipper.engine.engine import EngineConfig

    async def scenario(clock: ManualClock) -> None:
        config = EngineConfig(models=ModelLayerConfig(queue=QueueConfig(max_length=1)))
        async with Serving(clock, config) as serving:
            serving.add(app("m"), wanted())
            serving.ask("app", number(1))
            _, client = serving.ask("app", number(2))
            assert client.explanations == ["The model's queue is full"]

    run_virtually(scenario)


def test_version_query_asks_that_version() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted("m", "1"), wanted("m", "2"))
            _, newest = serving.ask("app", number(1))
            _, first = serving.ask("app", number(1), version="1")
            serving.answer("m", b"1", version="1")
            serving.answer("m", b"2", version="2")
            assert first.outputs == [b"1"]
            assert newest.outputs == [b"2"]

    run_virtually(scenario)


def test_version_that_does_not_exist_is_refused() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            with pytest.raises(ClipperError) as caught:
                serving.ask("app", number(1), version="9")
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
            assert caught.value.message == "Requested version: 9 does not exist for model: m"

    run_virtually(scenario)


def test_version_of_several_models_is_refused() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b"), wanted("a"), wanted("b"))
            with pytest.raises(ClipperError, match="Too many models linked to application app") as caught:
                serving.ask("app", number(1), version="1")
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT

    run_virtually(scenario)


def test_version_without_models_gives_the_default() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app())
            _, client = serving.ask("app", number(1), version="1")
            assert client.explanations == [NO_MODELS]

    run_virtually(scenario)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("-1.0", b"-1.0"),
        ("cat", b'"cat"'),
        ('"cat"', b'"cat"'),
        ("", b'""'),
        ('{"a": [1]}', b'{"a": [1]}'),
        ("a\nb", b'"a\\nb"'),
    ],
)
def test_default_output_is_json_if_it_parses_else_a_string(text: str, encoded: bytes) -> None:
    assert encode_default(text) == encoded
