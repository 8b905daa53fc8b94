"""Selection states, one per application and context: in memory, and durable in the store.

An update is acknowledged once it is committed. Updates of one context form a chain, each expecting the value that the
one before it wrote, so they can be in flight together; one that finds another frontend's value starts again from it.
"""

import asyncio
from collections.abc import Callable

import msgspec

from clipper.core.errors import ClipperError, ErrorCode
from clipper.selection.policy import State
from clipper.store import Store, Transaction

STATES_PREFIX = b"state/"

MAX_CONTEXTS_IN_MEMORY = 100_000
"""Per application; the rest stay in the store and come back when asked for."""

MAX_RETRIES = 100
"""Each retry means that another frontend has committed an update of the same context meanwhile."""

DELETED_AT_ONCE = 1000
"""States in one transaction: half a megabyte of keys at most, so that the feedback of others waits for little."""


async def delete_states(store: Store, application: str) -> None:
    """Forget everything that was learned for an application, so that one of the same name starts anew.

    To be called once no frontend is to serve it any longer. Raises STORE_FULL, STORE_FAILED or STORE_BUSY.
    """
    while found := await asyncio.to_thread(store.scan, _prefix(application)):  # updates under way may add some
        keys = [key for key, _ in found]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            group = Transaction(delete=set(keys[start : start + DELETED_AT_ONCE]))
            await asyncio.wrap_future(store.commit(group))


class _Cell:
    __slots__ = ("encoded", "state")

    def __init__(self, encoded: bytes | None, state: State) -> None:
        self.encoded = encoded
        self.state = state


class States:
    """The states of one application."""

    def __init__(self, application: str, initial: State, store: Store) -> None:
        self._prefix = _prefix(application)
        self._initial = initial
        self._store = store
        self._cells: dict[str | None, _Cell] = {}

    def current(self, context: str | None) -> State:
        """The state that selects for this context now."""
        cell = self._cells.get(context)
        return cell.state if cell is not None else self._load(context).state

    async def update(self, context: str | None, change: Callable[[State], State]) -> None:
        """Replace the state by `change` of it; durable on return.

        Raises STORE_FULL or STORE_FAILED if it could not be kept (nothing is changed then), STORE_BUSY if other
        frontends keep changing the same context.
        """
        key = self._key(context)
        for _ in range(MAX_RETRIES):
            cell = self._cells.get(context) or self._load(context)
            before, state = cell.encoded, change(cell.state)
            cell.encoded, cell.state = msgspec.msgpack.encode(state), state
            transaction = Transaction(put={key: cell.encoded}, expect={key: before})
            try:
                committed = await asyncio.wrap_future(self._store.commit(transaction))
            except (ClipperError, asyncio.CancelledError):
                self._discard(context, cell)
                raise
            if committed:
                return
            self._discard(context, cell)
        raise ClipperError(ErrorCode.STORE_BUSY, "Feedback for one context arrives at too many frontends at once")

    def refresh(self) -> None:
        """Another process may have changed states: read them again when they are next needed."""
        self._cells.clear()

    def _discard(self, context: str | None, cell: _Cell) -> None:
        """Forget what was not committed, unless whoever stood earlier in the chain has started anew already."""
        if self._cells.get(context) is cell:
            del self._cells[context]

    def _load(self, context: str | None) -> _Cell:
        if len(self._cells) >= MAX_CONTEXTS_IN_MEMORY:
            self._cells.clear()
        encoded = self._store.get(self._key(context))
        cell = _Cell(encoded, self._initial if encoded is None else msgspec.msgpack.decode(encoded))
        self._cells[context] = cell
        return cell

    def _key(self, context: str | None) -> bytes:
        return self._prefix + (b"" if context is None else b"=" + context.encode())


def _prefix(application: str) -> bytes:
    return STATES_PREFIX + application.encode() + b"/"
