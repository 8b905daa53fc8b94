"""Memory shared with one container: a link writes the rows of large batches there, the container reads them in place.

Anonymous (no name that could be left behind or guessed): only who is given the descriptor can map it, and it is gone
with the last process that has. Sealed against shrinking, which is what the container relies on.
"""

import fcntl
import mmap
import os
from collections.abc import Sequence

from clipper.core.inputs import Input

ARENA_BYTES = 32 * 1024 * 1024
"""For each link: two batches of 100 images of 224x224x3 bytes. What finds no room passes through the socket."""

STEP_BYTES = 1024 * 1024
"""Backed by memory so much at a time, as it is needed. Without any left the kernel would kill us when we write."""

ALIGNMENT = 64
"""A cache line; the protocol asks for 8."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Arena:
    """One link's memory. Raises OSError where the system has none of this kind.

    Attributes:
        descriptor: to be given to the container.
        size: in bytes.
    """

    def __init__(self, size: int = ARENA_BYTES) -> None:
        self.size = size
        self.descriptor = os.memfd_create("clipper-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.descriptor, size)
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)
            self._memory = memoryview(mmap.mmap(self.descriptor, size))
        except OSError:
            os.close(self.descriptor)
            raise
        self._backed = 0
        self._blocks: dict[int, tuple[int, int]] = {}

    def put(self, batch_id: int, inputs: Sequence[Input]) -> int:
        """Write the rows of a batch back to back; returns their offset, or -1 if there is no room for them now."""
        size = sum([len(each.payload) for each in inputs])
        start = self._gap(size)
        if start < 0 or not self._back(start + size):
            return -1
        self._blocks[batch_id] = (start, start + size)
        memory, at = self._memory, start
        for each in inputs:
            end = at + len(each.payload)
            memory[at:end] = each.payload
            at = end
        return start

    def free(self, batch_id: int) -> None:
        """The batch has been answered; nothing happens if its rows were not here."""
        self._blocks.pop(batch_id, None)

    def close(self) -> None:
        """Give back our part of the memory."""
        self._memory.release()
        os.close(self.descriptor)

    def _gap(self, size: int) -> int:
        """The first place with room for `size` bytes: low ones are in use again and again, and stay in the caches."""
        start = 0
        for begin, end in sorted(self._blocks.values()):
            if begin - start >= size:
                return start
            start = end + -end % ALIGNMENT
        return start if self.size - start >= size else -1

    def _back(self, end: int) -> bool:
        """Whether there is memory behind everything up to `end`."""
        if end <= self._backed:
            return True
        backed = min(end + -end % STEP_BYTES, self.size)
        try:
            os.posix_fallocate(self.descriptor, self._backed, backed - self._backed)
        except OSError:
            return False
        self._backed = backed
        return True
