"""CLOCK within a bound in bytes."""

import hypothesis.strategies as st
from hypothesis import given, settings

from clipper.abstraction.cache import ENTRY_OVERHEAD_BYTES, CacheConfig, ClockCache
from clipper.abstraction.evaluation import Evaluation, Evaluations
from clipper.core.inputs import DType, Input
from tests.unit.abstraction.evaluations import evaluation, number

COST = ENTRY_OVERHEAD_BYTES + 8 + 1
"""Of an entry of one number whose output is one byte."""


def cache_for(entries: int) -> ClockCache:
    return ClockCache(CacheConfig(max_bytes=entries * COST))


def admit(cache: ClockCache, owner: Evaluations, value: float, output: bytes = b"1") -> Evaluation:
    made = evaluation(number(value), owner=owner)
    made.output = output
    cache.admit(made, output)
    return made


def values(owner: Evaluations, among: range) -> list[int]:
    return [value for value in among if number(value).key in owner]


def test_unvisited_entries_go_in_order_of_arrival() -> None:
    cache, owner = cache_for(3), Evaluations()
    for value in range(5):
        admit(cache, owner, value)
    assert values(owner, range(5)) == [2, 3, 4]
    assert len(cache) == 3
    assert cache.evictions == 2


def test_visited_entry_gets_a_second_chance_once() -> None:
    cache, owner = cache_for(3), Evaluations()
    first = admit(cache, owner, 0)
    admit(cache, owner, 1)
    admit(cache, owner, 2)
    first.visited = True
    admit(cache, owner, 3)
    assert values(owner, range(4)) == [0, 2, 3]
    admit(cache, owner, 4)
    assert values(owner, range(5)) == [0, 3, 4]
    admit(cache, owner, 5)
    assert values(owner, range(6)) == [3, 4, 5]


def test_all_visited_still_finds_room() -> None:
    cache, owner = cache_for(3), Evaluations()
    for value in range(3):
        admit(cache, owner, value).visited = True
    admit(cache, owner, 3)
    assert len(values(owner, range(3))) == 2
    assert values(owner, range(3, 4)) == [3]


def test_large_entry_replaces_several() -> None:
    cache, owner = cache_for(4), Evaluations()
    for value in range(4):
        admit(cache, owner, value)
    admit(cache, owner, 9, bytes(2 * COST))
    assert len(values(owner, range(4))) == 1
    assert values(owner, range(4, 10)) == [9]
    assert cache.used_bytes <= 4 * COST


def test_entry_larger_than_the_cache_is_not_kept_and_harms_nobody() -> None:
    cache, owner = cache_for(3), Evaluations()
    for value in range(3):
        admit(cache, owner, value)
    admit(cache, owner, 9, bytes(3 * COST))
    assert values(owner, range(10)) == [0, 1, 2]
    assert cache.used_bytes == 3 * COST


def test_size_zero_turns_it_off() -> None:
    cache, owner = ClockCache(CacheConfig(max_bytes=0)), Evaluations()
    admit(cache, owner, 1)
    assert not owner
    assert not len(cache)
    assert not cache.used_bytes


def test_forget_drops_one_owner_only() -> None:
    cache, mine, other = cache_for(10), Evaluations(), Evaluations()
    for value in range(4):
        admit(cache, mine, value)
        admit(cache, other, value)
    cache.forget(mine)
    assert not mine
    assert values(other, range(4)) == [0, 1, 2, 3]
    assert cache.used_bytes == 4 * COST
    for value in range(4, 20):
        admit(cache, other, value)
    assert len(other) == 10


def test_entries_are_found_by_the_whole_input() -> None:
    """Equal bytes of another shape or type are another input."""
    payload = bytes(8)
    inputs = [
        Input(DType.UINT8, (8,), payload),
        Input(DType.UINT8, (2, 4), payload),
        Input(DType.UINT8, (4, 2), payload),
        Input(DType.FLOAT32, (1, 2), payload),
        Input(DType.FLOAT64, (1, 1), payload),
        Input(DType.FLOAT64, (1,), payload),
    ]
    cache, owner = cache_for(100), Evaluations()
    for place, each in enumerate(inputs):
        made = evaluation(each, owner=owner)
        made.output = b"%d" % place
        cache.admit(made, made.output)
    assert [owner[each.key].output for each in inputs] == [b"%d" % place for place in range(len(inputs))]


class NaiveClock:
    """CLOCK as in the textbook, for entries of one size: a fixed ring of frames and a hand."""

    def __init__(self, frames: int) -> None:
        self.frames: list[int | None] = [None] * frames
        self.used: set[int] = set()
        self.hand = 0

    def hit(self, value: int) -> bool:
        if value in self.frames:
            self.used.add(value)
            return True
        return False

    def admit(self, value: int) -> None:
        if None in self.frames:
            self.frames[self.frames.index(None)] = value
            return
        while (there := self.frames[self.hand]) in self.used:
            self.used.discard(there or 0)
            self.hand = (self.hand + 1) % len(self.frames)
        self.frames[self.hand] = value
        self.hand = (self.hand + 1) % len(self.frames)


@given(frames=st.integers(1, 6), asked=st.lists(st.integers(1, 12), max_size=80))
def test_cache_behaves_like_a_textbook_clock(frames: int, asked: list[int]) -> None:
    cache, owner, naive = cache_for(frames), Evaluations(), NaiveClock(frames)
    for value in asked:
        found = owner.get(number(value).key)
        assert (found is not None) == naive.hit(value)
        if found is not None:
            found.visited = True
        else:
            admit(cache, owner, value)
            naive.admit(value)
    assert set(values(owner, range(13))) == {each for each in naive.frames if each is not None}


@settings(max_examples=150)
@given(
    max_bytes=st.integers(0, 6 * COST),
    steps=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3 * COST), st.booleans(), st.integers(0, 30))),
)
def test_bound_holds_for_entries_of_any_size(max_bytes: int, steps: list[tuple[int, int, bool, int]]) -> None:
    cache = ClockCache(CacheConfig(max_bytes=max_bytes))
    owners = [Evaluations(), Evaluations()]
    for value, size, visit, forget in steps:
        owner = owners[value % 2]
        found = owner.get(number(value).key)
        if found is None:
            found = admit(cache, owner, value, bytes(size))
        found.visited = visit
        if forget == 0:
            cache.forget(owner)
        kept = [each for one in owners for each in one.values()]
        cost = sum(ENTRY_OVERHEAD_BYTES + 8 + len(each.output or b"") for each in kept)
        assert cache.used_bytes == cost <= max_bytes
        assert len(cache) == len(kept)


def test_overhead_covers_what_an_entry_really_costs() -> None:
    """Measured, so that `max_bytes` means memory: an entry without its payloads, with its share of the containers."""
    import tracemalloc

    owner: Evaluations = {}
    cache = ClockCache(CacheConfig(max_bytes=1 << 30))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for value in range(5000):
            made = evaluation(number(value), owner=owner)
            cache.admit(made, b"%d" % value)
            made.complete(b"", 0.0)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / 5000 <= ENTRY_OVERHEAD_BYTES + 2 * 8
