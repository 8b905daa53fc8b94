"""Selection states in a store that is not local: nobody waits for it, and nothing is lost when it does not answer."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine import cells as cells_module
from clipper.engine.states import States
from clipper.store import Transaction
from tests.unit.engine.changes import Counted, counting, update
from tests.unit.engine.world import MemoryStore, turns
from tests.virtual_time import run

GONE = ClipperError(ErrorCode.UNAVAILABLE, "The store does not answer")
PATIENCE_S = 10.0


class FarStore(MemoryStore):
    """A store on another machine.

    Attributes:
        answers: reads wait while it is not set; a test that leaves it so fails.
        reads: how many keys were read.
    """

    is_local = False

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        assert threading.current_thread() is not threading.main_thread()
        assert self.answers.wait(PATIENCE_S)
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.records.get(key)

    def lose_next(self, *, done: bool) -> None:
        """The next commit's answer does not arrive, whether it is `done` or not."""
        commit = self.commit

        def lost(transaction: Transaction) -> Future[bool]:
            self.commit = commit  # type: ignore[method-assign]
            if done:
                assert self.apply(transaction)
            answer: Future[bool] = Future()
            answer.set_exception(GONE)
            return answer

        self.commit = lost  # type: ignore[method-assign]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (as seen from outside: nobody is told)
            await asyncio.sleep(0.001)


async def taught(store: FarStore) -> None:
    """Two contexts with feedback, by another frontend."""
    other = counting(store)
    for context in ("ann", "ann", "bob"):
        await update(other, context)
    await other.stop()


def test_context_that_is_not_in_memory_has_the_start_of_a_new_one_until_it_has_come() -> None:
    async def scenario() -> None:
        store = FarStore()
        await taught(store)
        states = counting(store)
        store.answers.clear()
        assert [states.current(context)["n"] for context in (None, "ann", "bob")] == [0, 0, 0]
        await turns(3)
        assert states.current("ann")["n"] == 0
        store.answers.set()
        await until(lambda: states.current("ann")["n"] == 2)
        assert [states.current(context)["n"] for context in (None, "bob")] == [3, 1]
        await states.stop()

    run(scenario())


def test_feedback_waits_for_the_states_it_changes_and_many_are_fetched_at_once() -> None:
    async def scenario() -> None:
        store = FarStore()
        await taught(store)
        states = counting(store)
        store.answers.clear()
        store.reads = 0
        changes = [Counted(context) for context in ("ann", "bob", "new", "ann")]
        for change in changes:
            states.submit(change)
        await turns(5)
        assert not any(change.done.done() for change in changes)
        store.answers.set()
        await asyncio.gather(*(change.done for change in changes))
        await states.stop()
        assert store.reads <= 6  # the population's and each context's once; the first in a load of its own
        assert [states.current(context)["n"] for context in (None, "ann", "bob", "new")] == [7, 4, 2, 1]

    run(scenario())


def test_feedback_is_refused_while_the_store_is_gone_and_queries_go_on_with_the_last_state() -> None:
    async def scenario() -> None:
        store = FarStore()
        states = counting(store)
        await update(states, "ann")
        store.error = GONE
        for context in ("ann", "not-in-memory"):
            with pytest.raises(ClipperError) as caught:
                await update(states, context)
            assert caught.value.code is ErrorCode.UNAVAILABLE
        states.refresh()
        assert [states.current(context)["n"] for context in (None, "ann", "other")] == [1, 1, 0]
        store.error = None
        await recovered(states)
        assert [states.current(context)["n"] for context in (None, "ann")] == [2, 2]
        await states.stop()

    run(scenario())


async def recovered(states: States) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await update(states, "ann")
            except ClipperError:
                continue
            return


@pytest.mark.parametrize("done", [True, False])
def test_feedback_whose_answer_was_lost_counts_once_if_it_is_sent_again_with_its_key(done: bool) -> None:
    async def scenario() -> None:
        store = FarStore()
        states = counting(store)
        await update(states, "ann")
        store.lose_next(done=done)
        with pytest.raises(ClipperError):
            await update(states, "ann", digest=b"k" * 16)
        assert await update(states, "ann", digest=b"k" * 16) is done
        assert [states.current(context)["n"] for context in (None, "ann")] == [2, 2]
        await states.stop()

    run(scenario())


def test_idle_contexts_leave_memory_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "MAX_CELLS", 100)

    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        for number in range(1000):
            await update(states, f"u{number}")
            states.current("busy")
        assert len(states) <= 100
        reads = 0
        get = store.get

        def counted(key: bytes) -> bytes | None:
            nonlocal reads
            reads += 1
            return get(key)

        monkeypatch.setattr(store, "get", counted)
        assert states.current("busy")["n"] == 0
        assert reads == 0  # it was used all the time
        assert [states.current(f"u{number}")["n"] for number in range(1000)] == [1] * 1000
        assert reads > 900
        assert states.current(None) == {"n": 1000}

    run(scenario())


def test_large_states_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "MAX_BYTES", 100_000)

    async def scenario() -> None:
        store = MemoryStore()
        states = counting(store)
        await asyncio.gather(
            *(update(states, f"u{n}", lambda state: {"n": state["n"] + 1, "data": b"x" * 10_000}) for n in range(50))
        )
        assert len(states) > 50  # what is being committed stays
        for number in range(50):
            states.current(f"v{number}")
        assert sum(f"u{n}" in states for n in range(50)) <= 10
        assert all(states.current(f"u{n}")["n"] == 1 for n in range(50))

    run(scenario())
