"""What is started and what goes, for any difference between what is wanted and what runs."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from clipper.management.supervision.plan import Plan, Running, VersionKey, plan

V1, V2 = ("m", "1"), ("m", "2")

versions = st.sampled_from([V1, V2, ("n", "1")])
wishes = st.dictionaries(versions, st.integers(0, 5))
replicas = st.lists(
    st.builds(Running, versions, st.integers(0, 20), st.booleans()), unique_by=lambda each: each[:2], max_size=12
)


def running(version: VersionKey, *ids: int, ready: bool = True) -> list[Running]:
    return [Running(version, each, ready) for each in ids]


def test_nothing_to_do() -> None:
    assert plan({V1: 2}, running(V1, 0, 1)) == Plan({}, [])


def test_missing_replicas_are_started() -> None:
    assert plan({V1: 3, V2: 1}, running(V1, 0)) == Plan({V1: 2, V2: 1}, [])


def test_youngest_goes_first() -> None:
    assert plan({V1: 1}, running(V1, 2, 0, 1)) == Plan({}, [(V1, 1), (V1, 2)])


def test_one_that_is_not_ready_goes_before_a_ready_one() -> None:
    assert plan({V1: 1}, [*running(V1, 0, ready=False), *running(V1, 5)]) == Plan({}, [(V1, 0)])


def test_version_that_is_gone_loses_all() -> None:
    assert plan({}, running(V1, 0, 1)) == Plan({}, [(V1, 0), (V1, 1)])


@given(wishes, replicas)
def test_plan_leads_to_what_is_wanted(wanted: dict[VersionKey, int], now: list[Running]) -> None:
    todo = plan(wanted, now)
    after = Counter(each.version for each in now)
    after.update(todo.start)
    after.subtract(version for version, _ in todo.retire)
    assert {version: count for version, count in after.items() if count} == {
        version: count for version, count in wanted.items() if count
    }


@given(wishes, replicas)
def test_nothing_is_started_and_retired_at_once(wanted: dict[VersionKey, int], now: list[Running]) -> None:
    todo = plan(wanted, now)
    assert todo.start.keys().isdisjoint(version for version, _ in todo.retire)
    assert set(todo.retire) <= {each[:2] for each in now}
