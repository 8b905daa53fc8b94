"""Items to be ranked are queries whose answers are made together, of what has arrived."""

import asyncio

import msgspec

from clipper.core.prediction import SLO_MISSED
from clipper.engine.application import NOT_RANKED
from clipper.engine.query import PendingQuery
from clipper.selection.policy import Ranked
from tests.unit.abstraction.evaluations import number
from tests.unit.engine.telling import feedback
from tests.unit.engine.test_policies import app
from tests.unit.engine.world import Client, Serving, wanted
from tests.virtual_time import ManualClock, run_virtually

MODELS = ("a", "b")
CERTAIN = {"explore": 0.0}


Said = tuple[bytes | None, bytes | None]


def ask_items(serving: Serving, said: list[Said], context: str | None = None) -> tuple[list[PendingQuery], Client]:
    """One item for each that the models say something of: as soon as it is asked, if at all."""
    application, client, now = serving.engine.applications["app"], Client(), serving.clock()
    items = []
    for value, outputs in enumerate(said):
        item = PendingQuery(number(value), context, now, now + application.patience_s, client)
        item.is_item = True
        serving.engine.journal.record(item)
        items.append(item)
        application.predict(item, now)
        for model, output in zip(MODELS, outputs, strict=True):
            if output is not None and serving.engine.models[model, "1"].queue_length:
                serving.answer(model, output)
    return items, client


def rank(serving: Serving, items: list[PendingQuery]) -> list[Ranked]:
    return serving.engine.applications["app"].rank(items)


def test_items_get_the_scores_that_they_are_ranked_by_as_outputs() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("split_model", CERTAIN, MODELS), *map(wanted, MODELS))
            items, client = ask_items(serving, [(b"1", b"1"), (b"5", b"7"), (b"3", b"4")])
            assert len(client.answers) == 3
            assert rank(serving, items) == [Ranked(1, 6.0), Ranked(2, 3.5), Ranked(0, 1.0)]
            assert [item.output for item in items] == [b"1.0", b"6.0", b"3.5"]

    run_virtually(scenario)


def test_at_the_deadline_ranked_are_those_of_which_something_is_known() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("split_model", CERTAIN, MODELS), *map(wanted, MODELS))
            items, client = ask_items(serving, [(b"1", None), (b"2", None), (None, None)])
            assert len(client.answers) < 3
            await asyncio.sleep(1.0)
            assert len(client.answers) == 3
            assert [place for place, _ in rank(serving, items)] == [1, 0]
            assert (items[2].output, items[2].explanation) == (b"-1.0", SLO_MISSED)
            assert serving.engine.measures["app"].defaults == {SLO_MISSED: 1}

    run_virtually(scenario)


def test_item_that_no_numbers_are_said_of_has_the_default_output() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("split_model", CERTAIN, MODELS), *map(wanted, MODELS))
            items, _ = ask_items(serving, [(b'"cat"', b'"dog"')])
            assert rank(serving, items) == []
            assert (items[0].output, items[0].explanation) == (b"-1.0", NOT_RANKED)

    run_virtually(scenario)


def test_feedback_on_a_ranked_item_moves_the_ranking_of_its_context() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("split_model", CERTAIN, MODELS), *map(wanted, MODELS))

            said: list[Said] = [(b"1", b"0"), (b"0", b"0.9")]
            before, _ = ask_items(serving, said, "ann")
            assert [place for place, _ in rank(serving, before)] == [0, 1]
            for worth, item in ((b"0", before[0]), (b"9", before[1])):
                await feedback(serving, item.query_id, worth)
            assert [place for place, _ in rank(serving, ask_items(serving, said, "ann")[0])] == [1, 0]
            page = msgspec.msgpack.decode(serving.engine.measures["app"].evidence.page(0))
            assert len(page["judged"]) == 2

    run_virtually(scenario)
