"""Selection states: read, changed in groups, kept; whatever the store does."""

import asyncio
from concurrent.futures import Future

import msgspec
import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine import states as states_module
from clipper.engine.cells import STATES_PREFIX
from clipper.engine.states import delete_states
from clipper.selection.policy import State
from clipper.store import Transaction
from tests.unit.engine.changes import Counted, counting, plus_one, update
from tests.unit.engine.world import MemoryStore, settled, turns
from tests.virtual_time import run

FULL = ClipperError(ErrorCode.STORE_FULL, "The disk is full")


def stored(store: MemoryStore, context: str | None = None) -> State:
    """What a frontend that starts now finds."""
    return counting(store).current(context)


def test_state_is_initial_until_it_is_updated() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        assert states.current(None) == {"n": 0}
        await update(states)
        assert states.current(None) == stored(store) == {"n": 1}
        assert all(key.startswith(STATES_PREFIX) for key in store.records)

    run(scenario())


def test_contexts_and_applications_are_apart() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        places = [(name, context) for name in ("a", "ab") for context in ("a", "b", "=b", "a/b", "/", "é")]
        states = {name: counting(store, name) for name in ("a", "ab")}
        for number, (name, context) in enumerate(places):
            for _ in range(number):
                await update(states[name], context)
        fresh = {name: counting(store, name) for name in ("a", "ab")}
        assert [fresh[name].current(context)["n"] for name, context in places] == list(range(len(places)))
        assert [fresh[name].current(None)["n"] for name in ("a", "ab")] == [sum(range(6)), sum(range(6, 12))]

    run(scenario())


def test_feedback_with_a_context_teaches_the_population_and_new_contexts_begin_with_it() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        assert states.current("ann") == {"n": 0, "population": 0}
        await update(states, "bob")
        assert states.current(None) == {"n": 1}
        assert states.current("bob") == {"n": 1, "population": 0}
        assert states.current("new") == {"n": 0, "population": 1}
        states.refresh()
        assert states.current("ann") == {"n": 0, "population": 1}

    run(scenario())


def test_what_arrives_during_a_commit_is_the_next_commit_and_nothing_is_acknowledged_before_it_is_durable() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        store.held = []
        states = counting(store)
        first = [asyncio.create_task(update(states, f"u{number % 5}")) for number in range(50)]
        await turns(4)
        second = [asyncio.create_task(update(states)) for _ in range(50)]
        await turns(4)
        assert len(store.held) == 1
        ((transaction, done),) = store.held
        assert len(transaction.put) == 6
        assert not any(task.done() for task in [*first, *second])
        store.held = []
        store.apply(transaction)
        done.set_result(True)
        await asyncio.gather(*first)
        await turns(4)
        assert len(store.held) == 1
        assert not any(task.done() for task in second)
        store.release()
        await asyncio.gather(*second)
        assert stored(store) == {"n": 100}
        assert [stored(store, f"u{number}")["n"] for number in range(5)] == [10] * 5

    run(scenario())


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_module, "MAX_GROUP_CHANGES", 10)

    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        commits: list[int] = []
        commit = store.commit

        def counted(transaction: Transaction) -> Future[bool]:
            commits.append(len(transaction.put))
            return commit(transaction)

        monkeypatch.setattr(store, "commit", counted)
        await asyncio.gather(*(update(states, f"u{number}") for number in range(35)))
        assert commits == [11, 11, 11, 6]
        assert stored(store) == {"n": 35}

    run(scenario())


def test_only_what_another_frontend_has_changed_is_made_again() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        calls: dict[str, int] = {}

        def counted(context: str) -> Counted:
            def apply(state: State) -> State:
                calls[context] = calls.get(context, 0) + 1
                return plus_one(state)

            return Counted(context, apply)

        assert mine.current("ann")["n"] == mine.current("bob")["n"] == 0
        await update(other, "ann")
        changes = [counted("ann"), counted("bob")]
        for change in changes:
            mine.submit(change)
        await asyncio.gather(*(change.done for change in changes))
        assert mine.current(None) == stored(store) == {"n": 3}
        assert mine.current("ann")["n"] == stored(store, "ann")["n"] == 2
        assert mine.current("bob")["n"] == stored(store, "bob")["n"] == 1
        assert calls == {"ann": 4, "bob": 3}  # the population's and ann's state again, bob's once

    run(scenario())


def test_what_was_built_on_an_overtaken_group_is_made_again_too() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        await update(mine)
        store.held = []
        chain = [asyncio.create_task(update(mine)) for _ in range(200)]
        await turns(4)
        chain += [asyncio.create_task(update(mine, "ann")) for _ in range(200)]
        await turns(4)
        held, store.held = store.held, None
        await update(other, None, lambda state: {**plus_one(state), "other": True})
        store.held = held
        store.release()
        await asyncio.gather(*chain)
        assert mine.current(None) == stored(store) == {"n": 402, "other": True}
        assert stored(store, "ann")["n"] == 200

    run(scenario())


def test_store_that_fails_leaves_the_state_as_it_was() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await update(states)
        store.error = FULL
        with pytest.raises(ClipperError) as caught:
            await update(states, "ann")
        assert caught.value.code is ErrorCode.STORE_FULL
        assert (states.current(None)["n"], states.current("ann")["n"]) == (1, 0)
        store.error = None
        await update(states, "ann")
        assert (states.current(None)["n"], states.current("ann")["n"]) == (2, 1)
        assert (stored(store)["n"], stored(store, "ann")["n"]) == (2, 1)

    run(scenario())


def test_changes_behind_a_failed_group_go_on_without_it() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await update(states)
        store.held = []
        failing = [asyncio.create_task(update(states)) for _ in range(3)]
        await turns(4)
        behind = [asyncio.create_task(update(states)) for _ in range(4)]
        await turns(4)
        ((_, done),) = store.held
        store.held = None
        done.set_exception(FULL)
        assert await asyncio.gather(*failing, return_exceptions=True) == [FULL] * 3
        await asyncio.gather(*behind)
        assert states.current(None) == stored(store) == {"n": 5}

    run(scenario())


def test_commit_that_is_refused_at_once_fails_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        busy = ClipperError(ErrorCode.STORE_BUSY, "Too much waits for the disk")

        def refuse(transaction: object) -> None:
            raise busy

        with monkeypatch.context() as patched:
            patched.setattr(store, "commit", refuse)
            with pytest.raises(ClipperError, match="waits for the disk"):
                await update(states)
        assert not await update(states)
        assert stored(store) == {"n": 1}

    run(scenario())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClipperError(ErrorCode.INVALID_ARGUMENT, "label"), ErrorCode.INVALID_ARGUMENT),
        (KeyError("x"), ErrorCode.INTERNAL),
    ],
)
def test_change_that_raises_changes_nothing_and_harms_nobody_else(error: Exception, code: ErrorCode) -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)

        def broken(state: State) -> State:
            if "population" not in state:
                raise error
            return state

        good, bad = Counted("ann"), Counted("ann", broken)
        states.submit(good)
        states.submit(bad)
        with pytest.raises(ClipperError) as caught:
            await bad.done
        assert caught.value.code is code
        await good.done
        assert (stored(store)["n"], stored(store, "ann")["n"]) == (1, 1)

    run(scenario())


def test_state_that_cannot_be_kept_fails_and_the_next_one_is() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        with pytest.raises(ClipperError, match="cannot be kept") as caught:
            await update(states, None, lambda state: {"n": object()})
        assert caught.value.code is ErrorCode.INTERNAL
        await update(states)
        assert stored(store) == {"n": 1}

    run(scenario())


def test_refresh_reads_what_another_frontend_has_written_and_only_that() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        mine, other = counting(store), counting(store)
        await update(mine, "same")
        before = mine.current("same")
        assert mine.current("ann")["n"] == 0
        await update(other, "ann")
        assert mine.current("ann")["n"] == 0
        mine.refresh()
        assert mine.current("ann")["n"] == 1
        assert mine.current("same") is before

    run(scenario())


def test_refresh_loses_no_update_in_flight() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        store.held = []
        before = [asyncio.create_task(update(states)) for _ in range(3)]
        await turns(4)
        states.refresh()
        assert states.current(None) == {"n": 0}
        after = [asyncio.create_task(update(states)) for _ in range(3)]
        await turns(4)
        store.release()
        await asyncio.gather(*before, *after)
        assert stored(store) == {"n": 6}

    run(scenario())


def test_states_that_are_deleted_begin_anew() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await update(states, "ann", digest=b"d" * 16)
        assert len(store.records) == 3
        await delete_states(store, "app")
        assert not store.records
        states.refresh()
        assert states.current("ann") == {"n": 0, "population": 0}
        await update(states, "ann")
        assert stored(store, "ann")["n"] == stored(store)["n"] == 1

    run(scenario())


def test_state_that_is_written_while_the_others_are_deleted_goes_too() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await update(counting(store), "before")
        store.held = []
        deleting = asyncio.create_task(delete_states(store, "app"))
        while not store.held:
            await turns(1)
        late = asyncio.create_task(update(counting(store, "app"), "late"))
        await turns(4)
        held, store.held = store.held, None
        for transaction, done in reversed(held):  # the late one first
            done.set_result(store.apply(transaction))
        await asyncio.gather(late, deleting)
        assert not store.records

    run(scenario())


def test_states_that_cannot_be_deleted_stay_and_say_why() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        await update(counting(store))
        store.error = FULL
        with pytest.raises(ClipperError, match="The disk is full"):
            await delete_states(store, "app")
        assert stored(store) == {"n": 1}

    run(scenario())


def test_stop_waits_for_what_is_being_kept() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        store.held = []
        states = counting(store)
        changes = [Counted() for _ in range(2)]
        states.submit(changes[0])
        await turns(4)
        states.submit(changes[1])
        stopping = asyncio.create_task(states.stop())
        await turns(4)
        assert not stopping.done()
        store.release()
        await settled(stopping)
        assert all(change.done.done() for change in changes)
        assert msgspec.msgpack.decode(store.records[b"state/app/"]) == {"n": 2}

    run(scenario())
