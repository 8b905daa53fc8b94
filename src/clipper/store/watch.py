"""Change notices between processes: a small shared file of numbers; to look costs no system call.

Owns the file `watch` beside the database. Its first number hands out tickets; each of the others is a slot that
holds the ticket of the last commit which touched a key of that slot. A key's slot is a hash of its first segment.

Why a change is never missed
----------------------------
1. A ticket is drawn by the process that holds the database's write lock, which all processes share, so no ticket
   is drawn twice. (The database's transaction numbers would not do: one that changed nothing is given out again.)
2. A slot is written after the commit is visible and before its future resolves, and with one ticket at most once.
   So a watcher that remembers the value it saw last finds another one there after any later commit, in whatever
   order two processes write theirs: for the old value to be there again, its ticket had to be written twice.
3. The watcher compares first and reads the database afterwards, so a True leads it to that commit or a later one.
4. A process killed between its commit and the write leaves a change unannounced. Opening the store writes a new
   ticket into every slot, and a killed process is started again.
A watcher that looks while a number is half written sees some other number, which costs it one needless read.
"""

import mmap
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from clipper.core.errors import invalid

SLOTS = 64
"""More than there are first segments in use. Two segments in one slot only cause needless reads."""

_FILE_BYTES = 4096  # a page, the least that a mapping can hold; 8 × (1 + SLOTS) of it are used


def slot_of(key: bytes) -> int:
    """Return the slot of the first segment of `key`, up to and including its first `/`."""
    return zlib.crc32(key[: key.find(b"/") + 1] or key) % SLOTS


def watched_slot(prefix: bytes) -> int:
    """Return the slot of a prefix to be watched; raise INVALID_ARGUMENT if its first segment is not whole."""
    if b"/" not in prefix:
        raise invalid(f"The prefix {prefix[:40]!r} cannot be watched: expected a whole first segment such as b'a/'")
    return slot_of(prefix)


class SlotWatch:
    """A `Watch` on one slot; holds no resource of its own."""

    def __init__(self, slots: memoryview, index: int) -> None:
        self._slots = slots
        self._index = index
        self._seen = slots[index]

    def changed(self) -> bool:
        """Return True once after the slot was written; see `Watch.changed`."""
        current = self._slots[self._index]
        if current == self._seen:
            return False
        self._seen = current
        return True


class WatchFile:
    """The mapped file; `close` releases it, and with it every watch made here."""

    def __init__(self, mapping: mmap.mmap) -> None:
        self._mapping = mapping
        self._numbers = memoryview(mapping).cast("Q")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file at `path`, making it if it is missing. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # On a full disk, writing through a mapping into a hole kills the process; this is only an error.
            os.posix_fallocate(descriptor, 0, _FILE_BYTES)
            return cls(mmap.mmap(descriptor, _FILE_BYTES))
        finally:
            os.close(descriptor)

    def draw_ticket(self) -> int:
        """Return a number never returned before. Only for the holder of the database's write lock."""
        self._numbers[0] += 1
        return self._numbers[0]

    def announce(self, ticket: int, keys: Iterable[bytes]) -> None:
        """Tell the watchers of `keys` that they changed; `ticket` was drawn for this commit alone."""
        for slot in {slot_of(key) for key in keys}:
            self._numbers[1 + slot] = ticket

    def announce_all(self, ticket: int) -> None:
        """Tell every watcher to look again."""
        for slot in range(SLOTS):
            self._numbers[1 + slot] = ticket

    def watch(self, prefix: bytes) -> SlotWatch:
        """Return a watch on the first segment of `prefix`."""
        return SlotWatch(self._numbers, 1 + watched_slot(prefix))

    def close(self) -> None:
        """Unmap the file."""
        self._numbers.release()
        self._mapping.close()
