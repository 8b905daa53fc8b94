"""Several processes on one store: compare-and-set between them, and the changes they tell each other of."""

from pathlib import Path
from typing import TYPE_CHECKING

from clipper.store import LmdbStore

if TYPE_CHECKING:
    from tests.integration.store.conftest import StartChild

TIMEOUT_S = 60.0


def test_two_processes_count_exactly(tmp_path: Path, start_child: "StartChild") -> None:
    children = [start_child("increment", tmp_path, "200") for _ in range(2)]
    assert [child.wait(TIMEOUT_S) for child in children] == [0, 0]
    with LmdbStore.open(tmp_path) as store:
        assert store.get(b"count/n") == b"400"


def test_commit_elsewhere_is_seen_by_the_watch_as_soon_as_it_is_acknowledged(
    tmp_path: Path, start_child: "StartChild"
) -> None:
    with LmdbStore.open(tmp_path) as store:
        watch = store.watch(b"a/")
        child = start_child("commit_on_request", tmp_path)
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert watch.changed(), "opening must tell of what a killed writer could not"
        for key, expected in [("a/1", True), ("b/1", False), ("a/1", True), ("c/1", False)]:
            child.stdin.write(f"{key}\n")
            assert child.stdout.readline() == f"{key}\n"
            assert watch.changed() is expected
            assert not watch.changed()
        child.stdin.close()
        assert child.wait(TIMEOUT_S) == 0


def test_reader_led_by_the_watch_alone_never_stays_behind(tmp_path: Path, start_child: "StartChild") -> None:
    """Two processes count without pause; the reader looks at the value only when the watch says so."""
    with LmdbStore.open(tmp_path) as store:
        watch = store.watch(b"count/")
        children = [start_child("increment", tmp_path, "300") for _ in range(2)]
        reads, last = 0, None
        while running := any(child.poll() is None for child in children):
            if watch.changed():
                last, reads = store.get(b"count/n"), reads + 1
        assert not running
        if watch.changed():
            last = store.get(b"count/n")
        assert last == b"600"
        assert reads > 1
