"""Idempotency keys: what was counted is not counted again, for a day, whichever frontend it comes to."""

import asyncio

import hypothesis.strategies as st
import pytest
from hypothesis import given

from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine.repeats import KEPT_S, PER_SLOT, SLOTS, digest_of, noted, remembers, slot_of
from tests.unit.engine.changes import Counted, counting, update
from tests.unit.engine.world import MemoryStore, turns
from tests.virtual_time import ManualClock, run

KEY = digest_of("order-7")


def count(store: MemoryStore) -> int:
    return int(counting(store).current(None)["n"])


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=3 * PER_SLOT))
def test_record_holds_the_newest_keys_and_no_others(digests: list[bytes]) -> None:
    record = b""
    for at, digest in enumerate(digests):
        assert not remembers(record, digest, at)
        record = noted(record, digest, at)
    newest = digests[-PER_SLOT:]
    assert [remembers(record, digest, len(digests)) for digest in digests] == [digest in newest for digest in digests]
    assert len(record) == 20 * len(newest)


def test_key_is_found_only_where_a_key_begins() -> None:
    record = noted(noted(b"", b"a" * 16, 0), b"b" * 16, 0)
    assert not remembers(record, record[10:26], 0)
    assert remembers(noted(record, record[10:26], 0), record[10:26], 0)


def test_keys_fall_into_all_slots() -> None:
    slots = {slot_of(digest_of(str(number))) for number in range(20 * SLOTS)}
    assert len(slots) == SLOTS


def test_repeated_key_counts_once_and_is_acknowledged() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        assert [await update(states, digest=KEY) for _ in range(3)] == [False, True, True]
        assert await update(counting(store), "other-context", digest=KEY)
        assert not await update(states, digest=digest_of("order-8"))
        assert count(store) == 2

    run(scenario())


def test_repetition_is_acknowledged_no_earlier_than_the_first_is_durable() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        store.held = []
        states = counting(store)
        first, same_group = (asyncio.create_task(update(states, digest=KEY)) for _ in range(2))
        await turns(4)
        next_group = asyncio.create_task(update(states, digest=KEY))
        await turns(4)
        assert not any(task.done() for task in (first, same_group, next_group))
        store.release()
        assert list(await asyncio.gather(first, same_group, next_group)) == [False, True, True]
        assert count(store) == 1

    run(scenario())


def test_key_of_feedback_that_was_not_kept_may_come_again() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        store.error = ClipperError(ErrorCode.STORE_FULL, "The disk is full")
        for _ in range(2):
            with pytest.raises(ClipperError):
                await update(states, digest=KEY)
        store.error = None
        assert not await update(states, digest=KEY)
        assert count(store) == 1

    run(scenario())


def test_one_key_at_two_frontends_counts_once() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        store.held = []
        tasks = [asyncio.create_task(update(states, "ann", digest=KEY)) for states in (mine, other)]
        await turns(4)
        more = asyncio.create_task(update(other, "ann"))  # is built on what turns out to be a repetition
        await turns(4)
        store.release()
        assert list(await asyncio.gather(*tasks, more)) == [False, True, False]
        assert count(store) == other.current(None)["n"] == 2
        assert counting(store).current("ann")["n"] == other.current("ann")["n"] == 2

    run(scenario())


def test_key_is_forgotten_after_a_day() -> None:
    async def scenario() -> None:
        store, clock = MemoryStore(), ManualClock(1e9)
        states = counting(store, wall=clock)
        assert not await update(states, digest=KEY)
        clock.advance(KEPT_S - 1)
        assert await update(states, digest=KEY)
        clock.advance(1)
        assert not await update(states, digest=KEY)

    run(scenario())


def test_change_that_is_refused_leaves_its_key_free() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        refused = Counted(None, lambda state: {"n": state["x"]}, KEY)
        states.submit(refused)
        with pytest.raises(ClipperError):
            await refused.done
        assert not await update(states, digest=KEY)

    run(scenario())
