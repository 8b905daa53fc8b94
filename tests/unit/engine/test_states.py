"""Selection states: read, changed in chains, kept; whatever the store does."""

import asyncio

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine.states import STATES_PREFIX, States, delete_states
from clipper.selection.policy import State
from tests.unit.engine.world import MemoryStore, settled, turns
from tests.virtual_time import run


def counting(store: MemoryStore, name: str = "app") -> States:
    return States(name, {"n": 0}, store)


def plus_one(state: State) -> State:
    return {**state, "n": state["n"] + 1}


def test_state_is_initial_until_it_is_updated() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        assert states.current(None) == {"n": 0}
        await states.update(None, plus_one)
        assert states.current(None) == {"n": 1}
        assert counting(store).current(None) == {"n": 1}
        assert all(key.startswith(STATES_PREFIX) for key in store.records)

    run(scenario())


def test_contexts_and_applications_are_apart() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        places = [(name, context) for name in ("a", "ab") for context in (None, "a", "b", "=b", "a/b", "/", "é")]
        states = {name: counting(store, name) for name in ("a", "ab")}
        for number, (name, context) in enumerate(places):
            for _ in range(number):
                await states[name].update(context, plus_one)
        fresh = {name: counting(store, name) for name in ("a", "ab")}
        assert [fresh[name].current(context)["n"] for name, context in places] == list(range(len(places)))

    run(scenario())


def test_updates_in_flight_together_form_a_chain() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        store.held = []
        states = counting(store)
        updates = [asyncio.create_task(states.update(None, plus_one)) for _ in range(50)]
        await turns(2)
        assert len(store.held) == 50
        assert not any(update.done() for update in updates)  # nothing is acknowledged before it is durable
        store.release()
        await asyncio.gather(*updates)
        assert counting(store).current(None) == {"n": 50}
        assert len(store.committed) == 50

    run(scenario())


def test_update_overtaken_by_another_frontend_starts_again_from_there() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        assert mine.current(None) == {"n": 0}
        await other.update(None, plus_one)
        await mine.update(None, plus_one)
        assert mine.current(None) == {"n": 2}

    run(scenario())


def test_whole_chain_that_was_overtaken_starts_again_as_a_chain() -> None:
    """All of it fails at once; if each link began anew by itself, only one would get through each time."""

    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        await mine.update(None, plus_one)
        store.held = []
        chain = [asyncio.create_task(mine.update(None, plus_one)) for _ in range(400)]
        await turns(2)
        held, store.held = store.held, None
        await other.update(None, lambda state: {**plus_one(state), "other": True})
        store.held = held
        store.release()
        store.held = []
        await turns(20)
        bases = {base for transaction, _ in store.held for base in transaction.expect.values()}
        assert len(bases) == len(store.held) == 400
        store.release()
        await asyncio.gather(*chain)
        assert counting(store).current(None) == {"n": 402, "other": True}

    run(scenario())


def test_store_that_fails_leaves_the_state_as_it_was() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await states.update(None, plus_one)
        store.error = ClipperError(ErrorCode.STORE_FULL, "The disk is full")
        with pytest.raises(ClipperError) as caught:
            await states.update(None, plus_one)
        assert caught.value.code is ErrorCode.STORE_FULL
        assert states.current(None) == {"n": 1}
        store.error = None
        await states.update(None, plus_one)
        assert states.current(None) == {"n": 2}
        assert counting(store).current(None) == {"n": 2}

    run(scenario())


def test_chain_behind_a_failed_update_goes_on_without_it() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await states.update(None, plus_one)
        store.held = []
        chain = [asyncio.create_task(states.update(None, plus_one)) for _ in range(5)]
        await turns(2)
        (_, failed), *rest = store.held
        failed.set_exception(ClipperError(ErrorCode.STORE_FULL, "The disk is full"))
        store.held = rest
        store.release()
        with pytest.raises(ClipperError):
            await chain[0]
        await asyncio.gather(*chain[1:])
        assert states.current(None) == {"n": 5}
        assert counting(store).current(None) == {"n": 5}

    run(scenario())


def test_cancelled_update_leaves_no_trace() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await states.update(None, plus_one)
        store.held = []
        update = asyncio.create_task(states.update(None, plus_one))
        await turns(2)
        update.cancel()
        await settled(update)
        store.release()
        assert states.current(None) == counting(store).current(None) == {"n": 1}
        await states.update(None, plus_one)
        assert states.current(None) == {"n": 2}

    run(scenario())


def test_change_that_raises_changes_nothing() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)

        def broken(state: State) -> State:
            raise KeyError("right")

        with pytest.raises(KeyError):
            await states.update(None, broken)
        assert states.current(None) == {"n": 0}
        assert not store.records

    run(scenario())


def test_refresh_reads_what_another_frontend_has_written() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        assert mine.current("u") == {"n": 0}
        await other.update("u", plus_one)
        assert mine.current("u") == {"n": 0}
        mine.refresh()
        assert mine.current("u") == {"n": 1}

    run(scenario())


def test_refresh_loses_no_update_in_flight() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        store.held = []
        before = [asyncio.create_task(states.update(None, plus_one)) for _ in range(3)]
        await turns(2)
        states.refresh()
        after = [asyncio.create_task(states.update(None, plus_one)) for _ in range(3)]
        await turns(2)
        store.release()
        await asyncio.gather(*before, *after)
        assert counting(store).current(None) == {"n": 6}

    run(scenario())


def test_state_that_is_written_while_the_others_are_deleted_goes_too() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await counting(store).update("before", plus_one)
        store.held = []
        deleting = asyncio.create_task(delete_states(store, "app"))
        while not store.held:
            await turns(1)
        late = asyncio.create_task(counting(store).update("late", plus_one))
        await turns(2)
        store.release()
        await asyncio.gather(late, deleting)
        assert not store.records

    run(scenario())


def test_states_that_cannot_be_deleted_stay_and_say_why() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await counting(store).update(None, plus_one)
        store.error = ClipperError(ErrorCode.STORE_FULL, "The disk is full")
        with pytest.raises(ClipperError, match="The disk is full"):
            await delete_states(store, "app")
        assert counting(store).current(None) == {"n": 1}

    run(scenario())
