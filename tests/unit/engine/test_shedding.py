"""Which members of an ensemble are worth asking, given when each would answer."""

from math import inf

import pytest

from clipper.abstraction.model import ServedModel
from clipper.engine.shedding import worth_asking
from tests.unit.abstraction.evaluations import number
from tests.unit.engine.test_policies import MODELS, app
from tests.unit.engine.world import Serving, wanted
from tests.virtual_time import ManualClock, run_virtually


@pytest.mark.parametrize(
    ("expected", "ranking", "asked"),
    [
        ([0.1, 0.1, 0.1], None, [0, 1, 2]),
        ([0.8, 0.1, 0.1], None, [0, 1, 2]),  # the best is relied on although its queue is long
        ([0.9, 0.1, 0.1], None, [1, 2]),
        ([0.9, 0.8, 0.1], None, [1, 2]),
        ([0.8, 0.7, 0.7], None, [0, 1]),  # of two equal queues that of the last counts as long
        ([0.7, 0.7, 0.8], [2, 0, 1], [0, 2]),
        ([0.95, 0.97, 2.0], None, [0]),  # nobody is likely to make it: the first to answer is tried
        ([5.0, 4.0, 3.0], None, [2]),
        ([-inf, 0.9, 0.9], None, [0, 1]),  # nobody relies on who has shown nothing yet
        ([inf, 0.8, 0.9], None, [1]),
        ([inf, inf], None, [0]),
    ],
)
def test_members_that_can_answer_in_time_are_asked(
    expected: list[float], ranking: list[int] | None, asked: list[int]
) -> None:
    """The query asks at 0 and has until 1."""
    order = ranking or list(range(len(expected)))
    chosen = worth_asking(expected, order, 1.0, 0.0)
    assert [place for place, is_asked in enumerate(chosen) if is_asked] == asked


def busy(model: ServedModel, until: float) -> None:
    """Its containers have work until then."""
    admission = model._admission
    admission._stale, admission.short, admission._start_s = False, 0, until
    admission._round_size, admission._round_s, admission._batch_s = 1, 0.0, 0.0


def test_who_is_left_out_is_missing_and_counted() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("majority"), *map(wanted, MODELS))
            for name, wait_s in (("a", 0.0), ("b", 60.0), ("c", 0.0)):
                busy(serving.engine.models[name, "1"], clock() + wait_s)
            query, client = serving.ask("app", number(1))
            assert not serving.engine.models["b", "1"].queue_length
            serving.answer("a", b"1")
            serving.answer("c", b"1")
            assert client.outputs == [b"1"]
            assert query.missing == ("b",)
            assert query.answer is not None
            assert round(query.answer.confidence, 3) == 0.667
            assert serving.engine.models["b", "1"].measures.shed == 1

    run_virtually(scenario)
