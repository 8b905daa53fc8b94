"""Counts the batches and rows a model saw, in a small shared file: proof that a system batches, and how well.

The model's process adds (about a microsecond per batch, the same for every system); the harness reads.
"""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

_COUNTS = struct.Struct("<QQ")


def create(path: Path) -> Path:
    path.write_bytes(bytes(_COUNTS.size))
    return path


def read(path: Path) -> tuple[int, int]:
    """(batches, rows) so far."""
    batches, rows = _COUNTS.unpack(path.read_bytes())
    return batches, rows


def counter(path: str) -> Callable[[int], None]:
    """A function that counts one batch of so many rows. One process at a time may hold one."""
    with Path(path).open("r+b") as file:
        counts = mmap.mmap(file.fileno(), _COUNTS.size)

    def add(rows: int) -> None:
        batches, total = _COUNTS.unpack_from(counts)
        _COUNTS.pack_into(counts, 0, batches + 1, total + rows)

    return add
