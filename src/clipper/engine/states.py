"""Selection states, one per application and context: what feedback changes, durably, and what selects.

Commit cycles: while one group of changes is being committed, those that arrive make the next group. Each cell of a
group is encoded once, all of them are one transaction, and all changes are acknowledged when it is durable. If another
frontend was faster, only the cells that it has changed are made again, from what is stored now.

A change teaches the state of its context and that of the population (context None), which new contexts begin with.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from clipper.core.clock import Clock, wall
from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine.cells import Cell, Cells, Start, state_key
from clipper.engine.repeats import RECORDS_PREFIX, noted, remembers, slot_of
from clipper.selection.policy import State
from clipper.store import Store, Transaction

_log = logging.getLogger(__name__)

MAX_GROUP_CHANGES = 1024
"""In one transaction: some tens of milliseconds of a policy's work if all of them have to be made again."""

MAX_GROUP_BYTES: Final = 8 * 1024 * 1024
"""Of the states that one transaction replaces; an eighth of what the store takes at once."""

MAX_RETRIES: Final = 100
"""Each retry means that another frontend has committed an update of the same context meanwhile."""

DELETED_AT_ONCE: Final = 1000
"""States in one transaction: half a megabyte of keys at most, so that the feedback of others waits for little."""


class Change(Protocol):
    """One feedback, as states see it.

    Attributes:
        context: whose state it changes, besides the population's.
        digest: of its idempotency key, or None.
    """

    context: str | None
    digest: bytes | None

    def apply(self, state: State) -> State:
        """The state after it; may be asked several times, of different states. Raises INVALID_ARGUMENT."""

    def settle(self, error: ClipperError | None, *, repeated: bool) -> None:
        """It is durable, or failed with `error`, or its key says that it was counted before. Called exactly once."""


class _Draft:
    """What a cell becomes, by which changes."""

    __slots__ = ("changes", "encoded", "state")

    def __init__(self, state: Any) -> None:
        self.state = state
        self.changes: list[Change] = []
        self.encoded: bytes | None = None


class _Group:
    """The changes of one commit cycle.

    Attributes:
        repeats: changes that change nothing, as their keys have been seen, in this group or before.
        errors: changes that could not be made again.
    """

    def __init__(self) -> None:
        self.drafts: dict[Cell, _Draft] = {}
        self.changes: list[Change] = []
        self.repeats: list[Change] = []
        self.errors: dict[Change, ClipperError] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.changes) + len(self.repeats)

    @property
    def is_full(self) -> bool:
        return len(self) >= MAX_GROUP_CHANGES or self.bytes >= MAX_GROUP_BYTES

    def put(self, cell: Cell, state: Any, change: Change) -> None:
        """Let `change` make `state` of a cell."""
        draft = self.drafts.get(cell)
        if draft is None:
            draft = self.drafts[cell] = _Draft(state)
            cell.pins += 1
            self.bytes += len(cell.stored or b"")
        draft.state = state
        draft.changes.append(change)

    def transaction(self) -> Transaction:
        """All of it; what has been encoded already stays so."""
        put: dict[bytes, bytes] = {}
        for cell, draft in self.drafts.items():
            if draft.encoded is None:
                draft.encoded = cell.encoded(draft.state)
            put[cell.key] = draft.encoded
        return Transaction(put=put, expect={cell.key: cell.stored for cell in self.drafts})

    def release(self) -> None:
        """Nothing is to become of it any more."""
        for cell in self.drafts:
            cell.pins -= 1


class States:
    """The states of one application.

    Attributes:
        current: the state that selects for a context now; at once, whatever the store does.
    """

    def __init__(self, learning: str, initial: State, policy: Start, store: Store, clock: Clock = wall) -> None:
        self._cells = Cells(learning, initial, policy, store)
        self._cells.on_loaded = self._loaded
        self.current: Callable[[str | None], State] = self._cells.current
        self._store = store
        self._clock = clock
        self._gathering = _Group()
        self._in_flight = _Group()
        self._waiting: deque[Change] = deque()
        self._committing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._cells)

    def __contains__(self, context: str) -> bool:
        return context in self._cells

    def submit(self, change: Change) -> None:
        """Make a change durable; `change.settle` is called then, or when it is known that it cannot be."""
        if self._waiting or self._gathering.is_full or not self._take(change):
            self._waiting.append(change)
        self._go_on()

    def refresh(self) -> None:
        """Another process may have changed states: look when each is next needed."""
        self._cells.refresh()

    async def stop(self) -> None:
        """Wait until everything that was submitted is settled."""
        while (task := self._committing or self._cells.loading) is not None:
            await asyncio.wait([task])

    def _go_on(self) -> None:
        if self._committing is None and self._gathering:
            self._committing = asyncio.get_running_loop().create_task(self._commit_all())

    def _loaded(self, error: ClipperError | None) -> None:
        """What was missing has come from the store, or cannot."""
        if error is not None:
            failed, self._waiting = self._waiting, deque()
            for change in failed:
                self._settle(change, error)
        self._refill()
        self._go_on()

    def _refill(self) -> None:
        """Take into the group that is being gathered what waits for a place in it, or for a cell."""
        waiting = self._waiting
        while waiting and not self._gathering.is_full and self._take(waiting[0]):
            waiting.popleft()

    def _take(self, change: Change) -> bool:
        """Put a change into the group that is being gathered, or settle it; False if it has to wait for its cells."""
        found = self._cells.found
        population = self._cells.population
        cells = [population] if change.context is None else [found(change.context), population]
        record = None if change.digest is None else found(slot_of(change.digest))
        try:
            if not self._are_known(cells if record is None else [*cells, record]):
                return False
            self._draft(change, cells, record)
        except ClipperError as error:
            change.settle(error, repeated=False)
        except Exception as error:  # of a policy somebody has installed; only this feedback is to fail
            _log.exception("A selection policy fails to learn")
            change.settle(ClipperError(ErrorCode.INTERNAL, f"The policy cannot learn: {error!r}"), repeated=False)
        return True

    def _are_known(self, cells: list[Cell]) -> bool:
        for cell in cells:
            self._cells.renew(cell)
        return all([cell.known for cell in cells])

    def _draft(self, change: Change, cells: list[Cell], record: Cell | None) -> None:
        group = self._gathering
        if record is not None:
            assert change.digest is not None
            before, now = self._latest(record), int(self._clock())
            if remembers(before, change.digest, now):
                group.repeats.append(change)  # acknowledged with this group: no earlier than what it repeats
                return
        after = [change.apply(self._latest(cell)) for cell in cells]
        for cell, state in zip(cells, after, strict=True):
            group.put(cell, state, change)
        if record is not None:
            assert change.digest is not None
            group.put(record, noted(before, change.digest, now), change)
        group.changes.append(change)

    def _latest(self, cell: Cell) -> Any:
        """What is made of a cell by all changes so far."""
        draft = (self._gathering.drafts.get(cell) or self._in_flight.drafts.get(cell)) if cell.pins else None
        return cell.state if draft is None else draft.state

    async def _commit_all(self) -> None:
        """Commit cycles, as long as there is anything to commit."""
        try:
            while self._gathering:
                await asyncio.sleep(0)  # what came in the same turn of the loop goes together
                group = self._in_flight = self._gathering
                self._gathering = _Group()
                self._refill()
                try:
                    await self._commit(group)
                except ClipperError as error:
                    self._failed(group, error)
                except Exception as error:  # such as a state of an installed policy that is no plain value
                    _log.exception("What was learned cannot be kept")
                    self._failed(group, ClipperError(ErrorCode.INTERNAL, f"The state cannot be kept: {error!r}"))
                self._refill()
        finally:
            self._committing = None

    async def _commit(self, group: _Group) -> None:
        for _ in range(MAX_RETRIES):
            if not group.drafts or await asyncio.wrap_future(self._store.commit(group.transaction())):
                self._kept(group)
                return
            await self._make_again(group)
        raise ClipperError(ErrorCode.STORE_BUSY, "Feedback for one context arrives at too many frontends at once")

    def _kept(self, group: _Group) -> None:
        self._in_flight = _Group()
        group.release()
        for cell, draft in group.drafts.items():
            assert draft.encoded is not None
            self._cells.keep(cell, draft.encoded, draft.state)
        for change in group.changes:
            self._settle(change, group.errors.get(change))
        for change in group.repeats:
            self._settle(change, None, repeated=True)

    def _failed(self, group: _Group, error: ClipperError) -> None:
        """Nothing of a group was kept, as far as is known; what was built on it starts again from what is stored."""
        later, self._gathering, self._in_flight = self._gathering, _Group(), _Group()
        group.release()
        later.release()
        for cell in group.drafts:
            self._cells.doubt(cell)
        self._waiting.extendleft(reversed([*later.changes, *later.repeats]))
        for change in [*group.changes, *group.repeats]:
            self._settle(change, error)

    def _settle(self, change: Change, error: ClipperError | None, *, repeated: bool = False) -> None:
        try:
            change.settle(error, repeated=repeated)
        except Exception:  # whatever it was, the others of its group are to be told too
            _log.exception("What follows a feedback fails")

    async def _make_again(self, group: _Group) -> None:
        """Others have changed some of the cells: make the group's changes again, of what is stored now."""
        cells = list(group.drafts)
        changed = set()
        for cell, stored in zip(cells, await self._cells.read(cells), strict=True):
            if stored != cell.stored:
                self._cells.take(cell, stored)
                changed.add(cell)
        repeats = self._repeats(group, changed)
        group.changes = [change for change in group.changes if change not in repeats]
        group.repeats += repeats
        for cell in cells:
            draft = group.drafts[cell]
            if cell not in changed and repeats.isdisjoint(draft.changes):
                continue
            draft.changes = [change for change in draft.changes if change not in repeats]
            if draft.changes:
                self._replay(group, cell, cell.state)
            else:
                del group.drafts[cell]
                cell.pins -= 1
            if cell in self._gathering.drafts:
                self._replay(self._gathering, cell, draft.state if draft.changes else cell.state)

    def _repeats(self, group: _Group, changed: set[Cell]) -> set[Change]:
        """Which changes another frontend has made meanwhile."""
        now = int(self._clock())
        return {
            change
            for cell in changed
            if cell.is_record
            for change in group.drafts[cell].changes
            if change.digest is not None and remembers(cell.state, change.digest, now)
        }

    def _replay(self, group: _Group, cell: Cell, state: Any) -> None:
        draft = group.drafts[cell]
        draft.encoded = None
        for change in draft.changes:
            try:
                if not cell.is_record:
                    state = change.apply(state)
                elif change.digest is not None:
                    state = noted(state, change.digest, int(self._clock()))
            except Exception as error:  # it could be made of another state: a bug of the policy's
                _log.exception("A selection policy fails to learn")
                group.errors[change] = ClipperError(ErrorCode.INTERNAL, f"The policy cannot learn: {error!r}")
        draft.state = state


async def delete_states(store: Store, learning: str) -> None:
    """Forget everything that was learned for an application, so that one of the same name starts anew.

    To be called once no frontend is to serve it any longer. Raises STORE_FULL, STORE_FAILED or STORE_BUSY.
    """
    for prefix in (state_key(learning, None), RECORDS_PREFIX + learning.encode() + b"/"):
        while found := await asyncio.to_thread(store.scan, prefix):  # updates under way may add some
            keys = [key for key, _ in found]
            for start in range(0, len(keys), DELETED_AT_ONCE):
                group = Transaction(delete=set(keys[start : start + DELETED_AT_ONCE]))
                await asyncio.wrap_future(store.commit(group))
