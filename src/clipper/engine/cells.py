"""What this frontend holds of the store's selection states, and of its records of counted feedback: one cell each.

Bounded in number and bytes: what has not been used of late leaves memory, a little at a time, and comes back when it
is asked for. Nothing here waits for a store that is not local: what that holds is fetched in the background, and until
then a context has the state that new ones begin with.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from clipper.core.errors import ClipperError
from clipper.engine.repeats import RECORDS_PREFIX
from clipper.selection.policy import State
from clipper.store import Store

_log = logging.getLogger(__name__)

STATES_PREFIX: Final = b"state/"

MAX_CELLS = 100_000
"""Per application; about 200 MB of an ensemble's states. The rest stay in the store."""

MAX_BYTES = 64 * 1024 * 1024
"""Of them, as they are stored: a hundred contexts of the largest states, 100,000 of small ones."""

LOOKED_AT: Final = 8
"""Cells that are considered for leaving when one comes: all that were used since are spared once."""

LOADED_AT_ONCE: Final = 256
RETRY_S: Final = 0.1
"""After a store did not answer: how long until it is asked again."""


class Start(Protocol):
    """How states begin: a policy."""

    def start(self, population: State) -> State:
        """The state of a new context."""


class Cell:
    """One key of the store as this frontend knows it.

    Attributes:
        context: whose state it is, None: the population's; bytes: it is that record of counted feedback.
        is_record: whether it is one; its `state` are its bytes.
        stored: what the store holds; None: nothing.
        known: whether that has been read.
        state: what `stored` says, or what a context without anything begins with.
        origin: then, the population's state it was made from.
        generation: as of which notice of changes it is up to date.
        used: whether it was asked for since it was last considered for leaving memory.
        pins: groups of changes it is in; it stays until they are done.
    """

    __slots__ = ("context", "generation", "is_record", "key", "known", "origin", "pins", "state", "stored", "used")

    def __init__(self, context: str | bytes | None, key: bytes, state: Any) -> None:
        self.context = context
        self.is_record = isinstance(context, bytes)
        self.key = key
        self.stored: bytes | None = None
        self.known = False
        self.state: Any = state
        self.origin: State | None = None
        self.generation = -1
        self.used = True
        self.pins = 0

    def encoded(self, state: Any) -> bytes:
        """What the store is to hold of a state or record."""
        return bytes(state) if self.is_record else msgspec.msgpack.encode(state)


class Cells:
    """The cells of one application. `on_loaded` is told when what was missing is there, or why it is not."""

    def __init__(self, learning: str, initial: State, policy: Start, store: Store) -> None:
        self.population = Cell(None, state_key(learning, None), initial)
        self.is_local = store.is_local
        self.on_loaded: Callable[[ClipperError | None], None] = _nobody
        self.loading: asyncio.Task[None] | None = None
        self._learning = learning
        self._initial = initial
        self._start = policy.start
        self._store = store
        self._cells: dict[str | bytes | None, Cell] = {None: self.population}
        self._ring: deque[str | bytes] = deque()
        self._bytes = 0
        self._generation = 0
        self._wanted: dict[Cell, None] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def __contains__(self, context: str) -> bool:
        return context in self._cells

    def current(self, context: str | None) -> State:
        """The state that selects for this context now; never waits for long, never fails."""
        cell = self._cells.get(context)
        if cell is None or cell.generation != self._generation:
            cell = self.found(context)
            try:
                self.renew(cell)
            except ClipperError as error:
                _log.warning("Selection goes on with what was learned before: %s", error.message)
        cell.used = True
        state: State = cell.state
        return state

    def refresh(self) -> None:
        """Another process may have changed something: look when each is next asked for."""
        self._generation += 1

    def found(self, context: str | bytes | None) -> Cell:
        """The cell of a context or record, whatever is known of it."""
        cell = self._cells.get(context)
        if cell is None:
            assert context is not None
            self._make_room()
            cell = self._cells[context] = Cell(context, self._key(context), None)
            self._begin(cell)
            self._ring.append(context)
        cell.used = True
        return cell

    def renew(self, cell: Cell) -> None:
        """Bring a cell up to date, or have it fetched if the store is not local. Raises what `Store.get` does."""
        if cell.generation == self._generation or (cell.pins and cell.known):
            return  # whoever changes it finds out if somebody else has
        if not self.is_local:
            self._want(cell)
            return
        stored = self._store.get(cell.key)
        if stored is None and cell is not self.population:
            self.renew(self.population)  # which it begins with
        self.take(cell, stored)

    def take(self, cell: Cell, stored: bytes | None) -> None:
        """Note what the store holds now."""
        if not cell.known or stored != cell.stored or stored is None:
            self._weigh(cell, stored)
            cell.stored = stored
            cell.known = True
            if stored is None:
                self._begin(cell)
            else:
                cell.origin = None
                cell.state = stored if cell.is_record else msgspec.msgpack.decode(stored)
        cell.generation = self._generation

    def keep(self, cell: Cell, stored: bytes, state: Any) -> None:
        """Note what has been committed."""
        self._weigh(cell, stored)
        cell.stored = stored
        cell.origin = None
        cell.state = state
        cell.known = True
        cell.generation = self._generation

    def doubt(self, cell: Cell) -> None:
        """It is not known what the store holds; the state that selects stays until it is."""
        cell.known = False
        cell.generation = -1

    async def read(self, cells: Iterable[Cell]) -> list[bytes | None]:
        """What the store holds of each. Raises what `Store.get` does."""
        keys = [cell.key for cell in cells]
        read = self._store.get_many
        return read(keys) if self.is_local else await asyncio.to_thread(read, keys)

    def _key(self, context: str | bytes) -> bytes:
        return record_key(self._learning, context) if isinstance(context, bytes) else state_key(self._learning, context)

    def _begin(self, cell: Cell) -> None:
        """What there is of one that the store knows nothing of."""
        population = self.population.state
        if cell.is_record:
            cell.state = b""
        elif cell is self.population:
            cell.state = self._initial
        elif cell.origin is not population:
            cell.state = self._start(population)
            cell.origin = population

    def _weigh(self, cell: Cell, stored: bytes | None) -> None:
        if cell is not self.population and self._cells.get(cell.context) is cell:
            self._bytes += len(stored or b"") - len(cell.stored or b"")

    def _make_room(self) -> None:
        """Let go of some that were not used of late, if there are too many."""
        for _ in range(min(LOOKED_AT, len(self._ring))):
            if len(self._cells) < MAX_CELLS and self._bytes < MAX_BYTES:
                return
            context = self._ring.popleft()
            cell = self._cells[context]
            if cell.used or cell.pins:
                cell.used = False
                self._ring.append(context)
            else:
                self._bytes -= len(cell.stored or b"")
                del self._cells[context]

    def _want(self, cell: Cell) -> None:
        self._wanted[cell] = None
        if self.loading is None:
            self.loading = asyncio.get_running_loop().create_task(self._load())

    async def _load(self) -> None:
        """Fetch what is wanted, many at a time."""
        try:
            while self._wanted:
                await self._load_some()
        finally:
            self.loading = None

    async def _load_some(self) -> None:
        self._wanted.pop(self.population, None)
        cells = [self.population, *list(self._wanted)[:LOADED_AT_ONCE]]
        before = [(cell.stored, cell.known) for cell in cells]
        generation = self._generation
        try:
            values = await self.read(cells)
        except ClipperError as error:  # selection goes on with what was learned before; the store has logged why
            self._wanted.clear()
            self.on_loaded(error)
            await asyncio.sleep(RETRY_S)
            return
        for cell, value, known in zip(cells, values, before, strict=True):
            self._wanted.pop(cell, None)
            if (cell.stored, cell.known) == known and not (cell.pins and cell.known):  # else it has moved on
                self.take(cell, value)
                cell.generation = generation
        self.on_loaded(None)


def state_key(learning: str, context: str | None) -> bytes:
    """Where the store keeps the state of a context; None: of the population."""
    return STATES_PREFIX + learning.encode() + (b"/" if context is None else b"/=" + context.encode())


def record_key(learning: str, slot: bytes) -> bytes:
    """Where the store keeps a record of counted feedback."""
    return RECORDS_PREFIX + learning.encode() + b"/" + slot


def _nobody(error: ClipperError | None) -> None:
    """Who is told before there is anybody to tell."""
