"""Eviction policies side by side, as small as each can be in Python, for entries of one size.

All but LRU do nothing at a hit but set the entry's `used`, as a `ServedModel` does.
"""

from array import array
from collections import OrderedDict, deque
from typing import Protocol

NEW_SHARE = 10


class Entry:
    __slots__ = ("key", "used")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.used = False


class EvictionPolicy(Protocol):
    @property
    def entries(self) -> dict[bytes, Entry]:
        """What is kept."""

    def admit(self, entry: Entry) -> None: ...


class Lru:
    """The reference. Who uses it has to call `entries.move_to_end` at a hit."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.entries: OrderedDict[bytes, Entry] = OrderedDict()

    def admit(self, entry: Entry) -> None:
        self.entries[entry.key] = entry
        if len(self.entries) > self._room:
            self.entries.popitem(last=False)


class Clock:
    """A ring and a hand (the Clipper paper's)."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._ring: list[Entry] = []
        self._hand = 0
        self.entries: dict[bytes, Entry] = {}

    def admit(self, entry: Entry) -> None:
        ring = self._ring
        self.entries[entry.key] = entry
        if len(ring) < self._room:
            ring.append(entry)
            return
        hand = self._hand if self._hand < self._room else 0
        while ring[hand].used:
            ring[hand].used = False
            hand = hand + 1 if hand + 1 < self._room else 0
        del self.entries[ring[hand].key]
        ring[hand] = entry
        self._hand = hand + 1


class Sieve:
    """The hand spares what was used where it is (Zhang et al., NSDI 2024).

    The list that the hand divides is kept as two queues, what it has passed and what is ahead of it, which needs no
    links between entries.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._passed: deque[Entry] = deque()
        self._ahead: deque[Entry] = deque()
        self.entries: dict[bytes, Entry] = {}

    def admit(self, entry: Entry) -> None:
        if len(self.entries) >= self._room:
            self._evict()
        self.entries[entry.key] = entry
        self._ahead.append(entry)

    def _evict(self) -> None:
        entry = self._next()
        while entry.used:
            entry.used = False
            self._passed.append(entry)
            entry = self._next()
        del self.entries[entry.key]

    def _next(self) -> Entry:
        if not self._ahead:
            self._ahead, self._passed = self._passed, self._ahead
        return self._ahead.popleft()


class S3Fifo:
    """A small queue on trial, a large one, and ghosts (Yang et al., SOSP 2023), with one bit of use.

    `ghosts` remembers the hashes of what was evicted; each place has the latest of those that fall there.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._new: deque[Entry] = deque()
        self._proven: deque[Entry] = deque()
        slots = 1 << room.bit_length()
        self._ghosts = array("q", bytes(8 * slots))
        self._mask = slots - 1
        self.entries: dict[bytes, Entry] = {}

    def admit(self, entry: Entry) -> None:
        self.entries[entry.key] = entry
        digest = hash(entry.key)
        (self._proven if self._ghosts[digest & self._mask] == digest else self._new).append(entry)
        if len(self.entries) > self._room:
            self._evict()

    def _evict(self) -> None:
        new, proven = self._new, self._proven
        while new and len(new) * NEW_SHARE >= len(new) + len(proven):
            entry = new.popleft()
            if not entry.used:
                digest = hash(entry.key)
                self._ghosts[digest & self._mask] = digest
                del self.entries[entry.key]
                return
            entry.used = False
            proven.append(entry)
        entry = proven.popleft()
        while entry.used:
            entry.used = False
            proven.append(entry)
            entry = proven.popleft()
        del self.entries[entry.key]
