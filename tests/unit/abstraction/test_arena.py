"""Blocks of an arena never overlap, are what was written, and come free again."""

import fcntl
import mmap
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.abstraction.arena import STEP_BYTES, Arena
from tests.wire.arrays import data

SIZE = 4096


@pytest.fixture
def arena() -> Iterator[Arena]:
    made = Arena(SIZE)
    yield made
    made.close()


def read(arena: Arena, offset: int, size: int) -> bytes:
    """What a container sees there."""
    with mmap.mmap(arena.descriptor, arena.size, prot=mmap.PROT_READ) as seen:
        return seen[offset : offset + size]


def test_rows_lie_back_to_back(arena: Arena) -> None:
    offset = arena.put(1, [data(b"first"), data(b""), data(b"second")])
    assert read(arena, offset, 11) == b"firstsecond"


def test_full_arena_takes_nothing_until_something_is_free(arena: Arena) -> None:
    assert arena.put(1, [data(bytes(SIZE + 1))]) == -1
    assert arena.put(2, [data(bytes(SIZE))]) == 0
    assert arena.put(3, [data(b"x")]) == -1
    arena.free(2)
    assert arena.put(3, [data(b"x")]) == 0


def test_lowest_gap_is_used_again(arena: Arena) -> None:
    first, second = (arena.put(number, [data(bytes(1000))]) for number in (1, 2))
    arena.put(3, [data(bytes(1000))])
    arena.free(1)
    arena.free(2)
    arena.free(77)
    assert arena.put(4, [data(bytes(second + 1000 - first))]) == first


def test_memory_can_be_neither_shrunk_nor_unsealed(arena: Arena) -> None:
    assert fcntl.fcntl(arena.descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK
    with pytest.raises(PermissionError):
        os.ftruncate(arena.descriptor, SIZE - 1)


def test_memory_is_taken_as_it_is_needed() -> None:
    arena = Arena(64 * STEP_BYTES)
    try:
        assert os.fstat(arena.descriptor).st_blocks == 0
        arena.put(1, [data(bytes(STEP_BYTES + 1))])
        assert os.fstat(arena.descriptor).st_blocks * 512 == 2 * STEP_BYTES
    finally:
        arena.close()


def test_without_memory_behind_it_nothing_is_written(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("No space left")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert arena.put(1, [data(b"x")]) == -1
    monkeypatch.undo()
    assert arena.put(1, [data(b"x")]) == 0


STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 1500)), max_size=40)


@given(steps=STEPS)
def test_blocks_never_overlap(steps: list[tuple[bool, int, int]]) -> None:
    arena = Arena(SIZE)
    held: dict[int, tuple[int, bytes]] = {}
    try:
        for puts, number, size in steps:
            if puts and number not in held:
                row = os.urandom(size)
                offset = arena.put(number, [data(row)])
                if offset >= 0:
                    assert offset % 8 == 0
                    held[number] = offset, row
            else:
                arena.free(number)
                held.pop(number, None)
            assert all(read(arena, offset, len(row)) == row for offset, row in held.values())
    finally:
        arena.close()
