"""Counts the batches and rows a model saw, in a small shared file: proof that a system batches, and how well.

The model's process adds (about a microsecond per batch, the same for every system); the harness reads.
"""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

COUNTS = "<QQ"  # batches, rows
SIZE = 16


def create(path: Path) -> Path:
    path.write_bytes(bytes(SIZE))
    return path


def read(path: Path) -> tuple[int, int]:
    """(batches, rows) so far."""
    batches, rows = struct.unpack(COUNTS, path.read_bytes())
    return batches, rows


def counter(path: str) -> Callable[[int], None]:
    """A function that counts one batch of so many rows. One process at a time may hold one."""
    with Path(path).open("r+b") as file:
        counts = mmap.mmap(file.fileno(), SIZE)

    def add(rows: int) -> None:
        batches, total = struct.unpack_from(COUNTS, counts)
        struct.pack_into(COUNTS, counts, 0, batches + 1, total + rows)

    return add
