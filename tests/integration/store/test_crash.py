"""A writer is killed at any moment: what it acknowledged is there, whole, and the others go on."""

import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clipper.store import LmdbStore, Transaction

if TYPE_CHECKING:
    from tests.integration.store.conftest import StartChild

TIMEOUT_S = 60.0


def kill_after(child: "subprocess.Popen[str]", lines: int) -> list[int]:
    """Read `lines` acknowledgements, kill the child, and return all that it made."""
    assert child.stdout is not None
    acknowledged = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    acknowledged += child.stdout.readlines()
    child.wait(TIMEOUT_S)
    if not acknowledged[-1].endswith("\n"):
        acknowledged.pop()
    return [int(line) for line in acknowledged]


def numbers_under(store: LmdbStore, prefix: bytes) -> dict[int, bytes]:
    return {int(key.removeprefix(prefix)): value for key, value in store.scan(prefix)}


@pytest.mark.parametrize("seed", range(3))
def test_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, start_child: "StartChild", seed: int) -> None:
    choose = random.Random(seed)
    acknowledged: set[int] = set()
    for life in range(4):
        child = start_child("commit_until_killed", tmp_path, str(life * 1_000_000))
        acknowledged.update(kill_after(child, choose.randint(1, 1500)))
        with LmdbStore.open(tmp_path) as store:
            left, right = numbers_under(store, b"left/"), numbers_under(store, b"right/")
            assert left == right, "a transaction was torn"
            assert acknowledged <= left.keys(), "an acknowledged transaction was lost"
            assert store.get(b"last/both") == left[max(left)]


def test_killed_writer_stops_neither_readers_nor_other_writers(tmp_path: Path, start_child: "StartChild") -> None:
    """It is killed while it writes without pause, so mostly inside a transaction, holding the lock."""
    choose = random.Random(4)
    with LmdbStore.open(tmp_path) as store:
        for life in range(4):
            child = start_child("commit_until_killed", tmp_path, str(life * 1_000_000))
            acknowledged = kill_after(child, choose.randint(1, 300))
            assert store.commit(Transaction(put={b"mine/%d" % life: b"1"})).result(TIMEOUT_S)
            left, right = numbers_under(store, b"left/"), numbers_under(store, b"right/")
            assert left == right
            assert left.keys() >= set(acknowledged)
        assert len(store.scan(b"mine/")) == 4
