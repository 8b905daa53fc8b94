"""The newest queries, within bounds in number and in bytes."""

import hypothesis.strategies as st
from hypothesis import given, settings

from clipper.core.inputs import DType, Input
from clipper.engine.journal import SEGMENT, Journal, JournalConfig
from clipper.engine.query import PendingQuery
from tests.unit.engine.world import Client

MAX_SAFE_INTEGER = 2**53
"""A JSON number beyond it is not exact everywhere."""


def journal(max_queries: int = 4 * SEGMENT, max_bytes: int = 1 << 30, incarnation: int = 1) -> Journal:
    return Journal(JournalConfig(max_queries=max_queries, max_bytes=max_bytes), incarnation)


def record(into: Journal, size: int = 8) -> PendingQuery:
    made = PendingQuery(Input(DType.BYTES, (size,), bytes(size)), None, 0.0, 1.0, Client())
    into.record(made)
    return made


def test_query_is_found_by_its_id() -> None:
    into = journal()
    queries = [record(into) for _ in range(10)]
    assert [into.find(each.query_id) for each in queries] == queries


def test_unknown_ids_find_nothing() -> None:
    into = journal(incarnation=5)
    first = record(into)
    for query_id in (-1, 0, 1, first.query_id - 1, first.query_id + 1, 2**60, -(2**60)):
        assert into.find(query_id) is None


def test_number_of_queries_is_bounded_and_nearly_used() -> None:
    into = journal(max_queries=4 * SEGMENT)
    queries = [record(into) for _ in range(10 * SEGMENT + 17)]
    kept = [each for each in queries if into.find(each.query_id) is not None]
    assert kept == queries[-len(kept) :]
    assert len(kept) + SEGMENT >= 3 * SEGMENT
    assert len(kept) <= 4 * SEGMENT
    assert all(into.find(each.query_id) is each for each in kept)


def test_bytes_are_bounded() -> None:
    limit = 1 << 20
    into = journal(max_bytes=limit)
    queries = [record(into, 10_000) for _ in range(3000)]
    kept = [each for each in queries if into.find(each.query_id) is not None]
    assert sum(len(each.input.payload) for each in kept) <= limit + limit // 8
    assert sum(len(each.input.payload) for each in kept) >= limit * 3 // 4
    assert kept == queries[-len(kept) :]


def test_query_larger_than_the_journal_is_forgotten_and_others_are_not_harmed() -> None:
    into = journal(max_bytes=1 << 20)
    record(into)
    huge = record(into, 2 << 20)
    assert into.find(huge.query_id) is None
    after = record(into)
    assert into.find(after.query_id) is after


@settings(max_examples=60, deadline=None)
@given(
    starts=st.lists(st.integers(1, 2**20 - 1), unique=True, min_size=1, max_size=5),
    counts=st.lists(st.integers(0, 50), min_size=5, max_size=5),
)
def test_ids_are_unique_over_all_starts_and_exact_in_json(starts: list[int], counts: list[int]) -> None:
    seen: set[int] = set()
    for incarnation, count in zip(starts, counts, strict=False):
        into = journal(incarnation=incarnation)
        ids = [record(into).query_id for _ in range(count)]
        assert ids == sorted(set(ids))
        assert seen.isdisjoint(ids)
        assert all(0 < each < MAX_SAFE_INTEGER for each in ids)
        seen.update(ids)
    others = journal(incarnation=2**20)
    assert all(others.find(each) is None for each in seen)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 900), st.sampled_from([0, 10, 3000, 70_000])), max_size=12))
def test_newest_are_kept_in_order_whatever_comes(runs: list[tuple[int, int]]) -> None:
    limit = 1 << 20
    into = journal(max_queries=2 * SEGMENT, max_bytes=limit)
    queries = [record(into, size) for count, size in runs for _ in range(count)]
    kept = [each for each in queries if into.find(each.query_id) is not None]
    assert kept == queries[len(queries) - len(kept) :]
    assert all(into.find(each.query_id) is each for each in kept)
    assert len(kept) <= 2 * SEGMENT
    assert sum(len(each.input.payload) for each in kept) <= limit + limit // 8
    fits = sum(len(each.input.payload) for each in queries) < limit // 2
    assert not fits or len(queries) > SEGMENT or kept == queries
