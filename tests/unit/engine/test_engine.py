"""What is served follows the registry, and no query in flight notices."""

import pytest

from clipper.core.prediction import NO_MODELS
from clipper.engine.engine import HOUSEKEEPING_S
from clipper.registry import changes
from clipper.registry.entities import Application
from tests.unit.abstraction.evaluations import next_batch, number, until
from tests.unit.engine.world import Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually


def with_slo(name: str, slo_micros: int, *models: str) -> Application:
    plain = application(name)
    return Application(
        name=name,
        input_type=plain.input_type,
        default_output="-1.0",
        latency_slo_micros=slo_micros,
        models=models,
    )


def test_change_is_seen_by_the_next_query() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            assert set(serving.engine.applications) == {"app"}
            assert serving.store.commit(changes.delete_application(serving.now, "app")).result()
            serving.engine.refresh()
            assert not serving.engine.applications

    run_virtually(scenario)


def test_idle_engine_follows_by_itself() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            assert serving.store.commit(changes.add_application(serving.now, application())).result()
            await until(lambda: "app" in serving.engine.applications, patience_s=2 * HOUSEKEEPING_S)

    run_virtually(scenario)


def test_idle_engine_drops_what_nobody_can_answer() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            clients = [serving.ask("app", number(value))[1] for value in range(100)]
            model = serving.engine.models["m", "1"]
            assert model.queue_length == 100
            await until(lambda: not model.queue_length)
            assert all(len(client.answers) == 1 for client in clients)
            assert model.measures.dropped == 100
            assert len(serving.engine.deadlines) == 0

    run_virtually(scenario)


def test_version_switch_drops_no_query_in_flight() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            sent = [serving.ask("app", number(value))[1] for value in range(3)]
            batch = serving.take("m")
            queued = [serving.ask("app", number(value))[1] for value in range(10, 13)]
            serving.change(changes.add_model(serving.now, wanted("m", "2"), make_current=True))
            new = [serving.ask("app", number(value))[1] for value in range(3)]
            serving.give("m", batch, [b"1"] * 3)
            serving.answer("m", *[b"1"] * 3, version="1")
            serving.answer("m", *[b"2"] * 3, version="2")
            assert [client.outputs for client in sent + queued] == [[b"1"]] * 6
            assert [client.outputs for client in new] == [[b"2"]] * 3
            serving.change(changes.set_current_version(serving.now, "m", "1"))  # back, to a warm cache
            _, client = serving.ask("app", number(0))
            assert client.outputs == [b"1"]

    run_virtually(scenario)


def test_links_change_while_queries_are_in_flight() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("a",)), wanted("a"), wanted("b"))
            before, first = serving.ask("app", number(1))
            serving.change(changes.relink_models(serving.now, "app", ["b"]))
            _, second = serving.ask("app", number(1))
            serving.answer("a", b"1")
            serving.answer("b", b"2")
            assert (first.outputs, second.outputs) == ([b"1"], [b"2"])
            assert before.selection is not None
            assert before.selection.models == ("a",)
            assert serving.engine.measures["app"].queries == 2

    run_virtually(scenario)


def test_application_deleted_in_flight_still_answers() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            _, answered = serving.ask("app", number(1))
            _, late = serving.ask("app", number(2))
            batch = serving.take("m")
            serving.change(changes.delete_application(serving.now, "app"))
            serving.change(changes.delete_model(serving.now, "m"))
            serving.engine.refresh()
            assert not serving.engine.models
            await until(lambda: bool(late.answers))
            assert (len(answered.answers), late.outputs) == (1, [b"-1.0"])
            assert batch.evaluations

    run_virtually(scenario)


def test_removed_model_is_no_longer_asked() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            serving.change(changes.set_replicas(serving.now, "m", "1", 0))
            _, client = serving.ask("app", number(1))
            assert client.explanations == [NO_MODELS]

    run_virtually(scenario)


def test_unrelated_change_keeps_what_was_learned_and_cached() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            serving.ask("app", number(1))
            serving.answer("m", b"7")
            states = serving.engine.applications["app"].states
            serving.change(changes.add_application(serving.now, application("other")))
            assert serving.engine.applications["app"].states is states
            _, client = serving.ask("app", number(1))
            assert client.outputs == [b"7"]

    run_virtually(scenario)


@pytest.mark.parametrize("tight_first", [True, False])
def test_lanes_of_two_applications_are_answered_by_deadline(tight_first: bool) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(with_slo("tight", 10_000, "m"), wanted())
            serving.add(with_slo("loose", 1_000_000, "m"))
            order = ["tight", "loose"] if tight_first else ["loose", "tight"]
            for place, name in enumerate(order):
                serving.ask(name, number(place))
            model = serving.engine.models["m", "1"]
            (first,) = next_batch(model, clock(), 1)
            assert first.input.payload == number(order.index("tight")).payload

    run_virtually(scenario)


def test_stop_answers_for_its_models_and_leaves_no_timer() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            _, client = serving.ask("app", number(1))
        assert client.outputs == [b"-1.0"]

    run_virtually(scenario)
