"""Who watches in this process, told of what any process has committed.

Our own commits are announced by who made them, before their futures resolve; those of others by what Redis publishes.
So that our own are not announced twice, what is published names its sender.

A commit whose answer was lost may happen at any later time, as a message from ourselves that nobody has announced:
after such a failure we take another name.
"""

import secrets
import threading
from array import array
from collections.abc import Iterable

from clipper.store.watch import SLOTS, SlotWatch, slot_of, watched_slot


class Notices:
    """One number for each slot of keys (see `store/watch.py`), which changes with every commit there."""

    def __init__(self) -> None:
        self._numbers = memoryview(array("Q", bytes(8 * SLOTS)))
        self._lock = threading.Lock()  # two threads announce
        self._sender = secrets.token_hex(8).encode()

    def watch(self, prefix: bytes) -> SlotWatch:
        """Return a watch on the first segment of `prefix`. Raises INVALID_ARGUMENT if that is not whole."""
        return SlotWatch(self._numbers, watched_slot(prefix))

    def message(self, keys: Iterable[bytes]) -> bytes:
        """Return what is to be published when any of `keys` changes."""
        slots = {slot_of(key) for key in keys}
        return b" ".join([self._sender, *(b"%d" % slot for slot in sorted(slots))])

    def announce(self, keys: Iterable[bytes]) -> None:
        """Tell the watchers of `keys` that they changed."""
        self._announce_slots({slot_of(key) for key in keys})

    def announce_all(self) -> None:
        """Tell every watcher to look again."""
        self._announce_slots(range(SLOTS))

    def announce_message(self, message: bytes) -> None:
        """Tell of a commit that was published, unless it is our own."""
        sender, *slots = message.split(b" ")
        if sender != self._sender:
            self._announce_slots([int(slot) % SLOTS for slot in slots])

    def disown(self) -> None:
        """Take what we have sent so far for somebody else's, should it arrive."""
        self._sender = secrets.token_hex(8).encode()

    def _announce_slots(self, slots: Iterable[int]) -> None:
        with self._lock:
            for slot in slots:
                self._numbers[slot] += 1
