"""One timer wakes every query at its deadline."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from clipper.engine.deadlines import LATEST_WAKE_S, Deadlines
from clipper.engine.query import PendingQuery
from tests.unit.abstraction.evaluations import number, until
from tests.unit.engine.world import Client
from tests.virtual_time import ManualClock, run_virtually

LATE_S = 0.002
"""The kept end of an objective is what a wake-up may be late; in virtual time only rounding is."""


class Woken:
    """Notes who was woken, and when; a query that is woken is answered."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}

    def expire(self, query: PendingQuery, now: float) -> None:
        assert not query.answered
        query.answered = True
        self.times[query.query_id] = now


def query(query_id: int, now: float, deadline: float) -> PendingQuery:
    asked = PendingQuery(number(query_id), None, now, deadline, Client())
    asked.query_id = query_id
    return asked


def test_query_is_woken_at_its_deadline() -> None:
    async def scenario(clock: ManualClock) -> None:
        woken = Woken()
        deadlines = Deadlines(woken.expire, clock)
        deadline = clock() + 7.0
        deadlines.lane(7.0).watch(query(1, clock(), deadline))
        await until(lambda: bool(woken.times))
        assert woken.times[1] == pytest.approx(deadline, abs=LATE_S)
        assert len(deadlines) == 0

    run_virtually(scenario)


def test_answered_query_is_not_woken_and_soon_released() -> None:
    async def scenario(clock: ManualClock) -> None:
        woken = Woken()
        deadlines = Deadlines(woken.expire, clock)
        answered = [query(place, clock(), clock() + 100.0) for place in range(50)]
        for each in answered:
            deadlines.lane(100.0).watch(each)
            each.answered = True
        await until(lambda: len(deadlines) == 0, patience_s=2 * LATEST_WAKE_S)
        assert not woken.times

    run_virtually(scenario)


@pytest.mark.parametrize("first", [0, 1])
def test_short_objective_is_not_woken_late_because_of_a_long_one(first: int) -> None:
    async def scenario(clock: ManualClock) -> None:
        woken = Woken()
        deadlines = Deadlines(woken.expire, clock)
        start = clock()
        slos = [1.0, 0.01]
        for place in (first, 1 - first):
            deadlines.lane(slos[place]).watch(query(place, start, start + slos[place]))
        await until(lambda: len(woken.times) == 2)
        assert woken.times[1] == pytest.approx(start + 0.01, abs=LATE_S)
        assert woken.times[0] == pytest.approx(start + 1.0, abs=LATE_S)

    run_virtually(scenario)


def test_queries_may_be_watched_while_others_are_woken() -> None:
    """The answer to one query can bring in the next, of an objective not seen before."""

    async def scenario(clock: ManualClock) -> None:
        times: dict[int, float] = {}

        def expire(expired: PendingQuery, now: float) -> None:
            expired.answered = True
            times[expired.query_id] = now
            following = expired.query_id + 1
            if following < 6:
                slo_s = 0.01 * following
                deadlines.lane(slo_s).watch(query(following, now, now + slo_s))

        deadlines = Deadlines(expire, clock)
        start = clock()
        deadlines.lane(0.01).watch(query(0, start, start + 0.01))
        await until(lambda: len(times) == 6)
        assert times[5] == pytest.approx(start + 0.01 + 0.01 * (1 + 2 + 3 + 4 + 5), abs=6 * LATE_S)

    run_virtually(scenario)


def test_nobody_is_woken_after_stop() -> None:
    async def scenario(clock: ManualClock) -> None:
        woken = Woken()
        deadlines = Deadlines(woken.expire, clock)
        deadlines.lane(0.01).watch(query(1, clock(), clock() + 0.01))
        deadlines.stop()
        after = clock() + 1.0
        await until(lambda: clock() > after)
        assert not woken.times
        assert len(deadlines) == 0

    run_virtually(scenario)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.01, 0.02, 0.5]), st.sampled_from([0.0, 0.003, 0.04]), st.booleans())))
def test_every_unanswered_query_is_woken_in_time(arrivals: list[tuple[float, float, bool]]) -> None:
    async def scenario(clock: ManualClock) -> None:
        woken = Woken()
        deadlines = Deadlines(woken.expire, clock)
        expected: dict[int, float] = {}
        for place, (slo_s, pause_s, is_answered) in enumerate(arrivals):
            made = query(place, clock(), clock() + slo_s)
            deadlines.lane(slo_s).watch(made)
            made.answered = is_answered
            if not is_answered:
                expected[place] = made.deadline
            resume = clock() + pause_s
            await until(lambda: clock() >= resume)  # noqa: B023 - awaited before it changes
        await until(lambda: len(deadlines) == 0)
        assert woken.times.keys() == expected.keys()
        assert all(0 <= woken.times[place] - expected[place] <= LATE_S for place in expected)

    run_virtually(scenario)
