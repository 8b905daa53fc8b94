"""Which members of an ensemble are worth asking, given when each would answer."""

from math import inf

import pytest

from clipper.abstraction.terms import Terms
from clipper.engine.shedding import worth_asking
from tests.unit.abstraction.evaluations import number, served_model
from tests.unit.engine.test_policies import MODELS, app
from tests.unit.engine.world import Serving, wanted
from tests.virtual_time import ManualClock, run_virtually


class Queues:
    """Members that would answer at given times; the query asks at 0 and has until 1."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def chosen(self, clock: ManualClock, expected: list[float], ranking: list[int] | None = None) -> list[int]:
        members = [served_model(clock) for _ in expected]
        for member, at in zip(members, expected, strict=True):
            self._patch.setattr(member, "expected_at", lambda *_, at=at: at)
        order = ranking or list(range(len(expected)))
        asked = worth_asking(number(1), members, order, 1.0, 0.0, Terms(1.0))
        return [place for place, is_asked in enumerate(asked) if is_asked]


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
    monkeypatch: pytest.MonkeyPatch, expected: list[float], ranking: list[int] | None, asked: list[int]
) -> None:
    async def scenario(clock: ManualClock) -> None:
        assert Queues(monkeypatch).chosen(clock, expected, ranking) == asked

    run_virtually(scenario)


def test_who_is_left_out_is_missing_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("majority"), *map(wanted, MODELS))
            monkeypatch.setattr("clipper.engine.application.has_load", lambda _: True)
            monkeypatch.setattr("clipper.engine.application.worth_asking", lambda *_: [True, False, True])
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
