"""S3-FIFO within a bound in bytes."""

from collections import OrderedDict
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from clipper.abstraction.cache import (
    ENTRY_OVERHEAD_BYTES,
    GHOST_SLOTS,
    NEW_SHARE,
    CacheConfig,
    PredictionCache,
    ghost_tag,
)
from clipper.abstraction.evaluation import Evaluation, Evaluations
from clipper.core.inputs import DType, Input
from tests.unit.abstraction.evaluations import evaluation, number

COST = ENTRY_OVERHEAD_BYTES + 8 + 1
"""Of an entry of one number whose output is one byte."""


def cache_for(entries: int) -> PredictionCache:
    return PredictionCache(CacheConfig(max_bytes=entries * COST))


def admit(cache: PredictionCache, owner: Evaluations, value: float, output: bytes = b"1") -> Evaluation:
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


def test_what_was_used_outlives_any_number_of_others_that_are_not() -> None:
    cache, owner = cache_for(20), Evaluations()
    for value in range(10):
        admit(cache, owner, value).visited = True
    for value in range(100, 1000):
        admit(cache, owner, value)
    assert values(owner, range(10)) == list(range(10))


def test_what_is_used_no_longer_goes_when_others_are_proven() -> None:
    cache, owner = cache_for(20), Evaluations()
    for value in range(1000):
        admit(cache, owner, value).visited = True
    assert values(owner, range(900)) == []
    assert len(cache) == 20


def test_what_comes_again_soon_after_it_was_evicted_is_on_trial_no_longer() -> None:
    cache, owner = cache_for(20), Evaluations()
    for value in range(25):
        admit(cache, owner, value)
    assert values(owner, range(25)) == list(range(5, 25))
    for value in range(5):
        admit(cache, owner, value)
    for value in range(100, 1000):
        admit(cache, owner, value)
    assert values(owner, range(25)) == list(range(5))


def test_all_visited_still_finds_room() -> None:
    cache, owner = cache_for(3), Evaluations()
    for value in range(3):
        admit(cache, owner, value).visited = True
    admit(cache, owner, 3)
    assert len(owner) == 3


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
    cache, owner = PredictionCache(CacheConfig(max_bytes=0)), Evaluations()
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


class NaiveS3Fifo:
    """As in the paper (Yang et al., SOSP 2023), with one bit of use, for entries of one size."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.new: list[int] = []
        self.proven: list[int] = []
        self.used: set[int] = set()
        self.ghosts: dict[int, int] = {}

    def hit(self, value: int) -> bool:
        if value in self.new or value in self.proven:
            self.used.add(value)
            return True
        return False

    def admit(self, value: int) -> None:
        digest = hash(number(value).key)
        (self.proven if self.ghosts.get(digest % GHOST_SLOTS) == ghost_tag(digest) else self.new).append(value)
        if len(self.new) + len(self.proven) > self.room:
            self.evict()

    def evict(self) -> None:
        on_trial = len(self.new) >= (len(self.new) + len(self.proven)) / NEW_SHARE
        queue = self.new if self.new and on_trial else self.proven
        oldest = queue.pop(0)
        if oldest in self.used:
            self.used.discard(oldest)
            self.proven.append(oldest)
            self.evict()
        elif queue is self.new:
            digest = hash(number(oldest).key)
            self.ghosts[digest % GHOST_SLOTS] = ghost_tag(digest)


@given(room=st.integers(1, 30), asked=st.lists(st.integers(1, 60), max_size=300))
def test_cache_behaves_like_a_textbook_s3_fifo(room: int, asked: list[int]) -> None:
    cache, owner, naive = cache_for(room), Evaluations(), NaiveS3Fifo(room)
    for value in asked:
        found = owner.get(number(value).key)
        assert (found is not None) == naive.hit(value)
        if found is not None:
            found.visited = True
        else:
            admit(cache, owner, value)
            naive.admit(value)
    assert values(owner, range(61)) == sorted(naive.new + naive.proven)


class Lru:
    """What the cache is to be no worse than."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.kept: OrderedDict[int, None] = OrderedDict()

    def hit(self, value: int) -> bool:
        if value in self.kept:
            self.kept.move_to_end(value)
            return True
        self.kept[value] = None
        if len(self.kept) > self.room:
            self.kept.popitem(last=False)
        return False


@pytest.mark.parametrize(("scans", "better_by"), [(False, 0.01), (True, 0.05)])
def test_hit_rate_on_a_zipf_stream_is_above_lru(scans: bool, better_by: float) -> None:
    rng, keys, room = Random(7), 4000, 400
    asked = rng.choices(range(keys), [1 / (rank + 1) for rank in range(keys)], k=40_000)
    if scans:
        asked = [each for at in range(0, 40_000, 800) for each in [*asked[at : at + 800], *range(at + 5000, at + 5400)]]
    cache, owner, lru = cache_for(room), Evaluations(), Lru(room)
    hits = lru_hits = 0
    for value in asked:
        lru_hits += lru.hit(value)
        found = owner.get(number(value).key)
        if found is None:
            admit(cache, owner, value)
        else:
            found.visited = True
            hits += 1
    assert hits / len(asked) >= lru_hits / len(asked) + better_by


@settings(max_examples=150)
@given(
    max_bytes=st.integers(0, 6 * COST),
    steps=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3 * COST), st.booleans(), st.integers(0, 30))),
)
def test_bound_holds_for_entries_of_any_size(max_bytes: int, steps: list[tuple[int, int, bool, int]]) -> None:
    cache = PredictionCache(CacheConfig(max_bytes=max_bytes))
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
    cache = PredictionCache(CacheConfig(max_bytes=1 << 30))
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
