"""Which answers come from the prediction cache, and say so."""

import pytest
from msgspec.structs import replace

from clipper.engine.query import EXACT, FRESH
from clipper.registry import changes
from clipper.registry.entities import Application
from clipper.wire.batches import ItemFailure, Outcome
from tests.unit.abstraction.evaluations import number
from tests.unit.engine.world import Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually


def app(*models: str) -> Application:
    return replace(application(), name="app", policy="majority", models=models)


def test_an_answer_is_from_the_cache_if_all_that_arrived_in_time_is() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b", "c"), wanted("a"), wanted("b"), wanted("c"))
            serving.change(changes.add_application(serving.now, replace(app("b"), name="only-b")))
            serving.ask("only-b", number(1))
            serving.answer("b", b"1")
            query, client = serving.ask("app", number(1))
            serving.answer("a", ItemFailure("ValueError: not me"))
            late = serving.take("c")
            serving.engine.applications["app"].conclude(query, clock())
            assert (client.outputs, client.cached) == ([b"1"], [EXACT])
            serving.give("c", late, [b"1"])
            assert query.cache == EXACT

    run_virtually(scenario)


@pytest.mark.parametrize("outcome", [b"1", ItemFailure("ValueError: not me")])
def test_an_application_that_wants_no_cache_gets_nothing_from_it_and_leaves_nothing_there(outcome: Outcome) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(replace(app("a"), cache=False), wanted("a"))
            for _ in range(2):
                _, client = serving.ask("app", number(1))
                serving.answer("a", outcome)
                assert (len(client.outputs), client.cached) == (1, [FRESH])
            assert not len(serving.engine.cache)
            serving.change(changes.add_application(serving.now, replace(app("a"), name="other")))
            serving.ask("other", number(1))
            assert len(serving.take("a").evaluations) == 1

    run_virtually(scenario)


def test_an_output_is_as_old_as_the_application_allows() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(replace(app("a"), cache_ttl_s=60.0), wanted("a"))
            serving.change(changes.add_application(serving.now, replace(app("a"), name="patient")))
            serving.ask("app", number(1))
            serving.answer("a", b"1")
            clock.advance(59.0)
            assert serving.ask("app", number(1))[1].outputs == [b"1"]
            clock.advance(2.0)
            _, client = serving.ask("app", number(1))
            assert serving.ask("patient", number(1))[1].outputs == [b"1"]
            serving.answer("a", b"2")
            assert (client.outputs, client.cached) == ([b"2"], [FRESH])
            assert serving.ask("patient", number(1))[1].outputs == [b"2"]

    run_virtually(scenario)
