"""The disk, or the space given to the store, is full: the writer is told, everything else goes on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store import LmdbStore, StoreConfig, Transaction

if TYPE_CHECKING:
    from tests.integration.store.conftest import StartChild

TIMEOUT_S = 60.0


def test_disk_full_fails_the_write_and_reads_go_on(tmp_path: Path, start_child: "StartChild") -> None:
    child = start_child("fill_the_disk", tmp_path)
    said, _ = child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == 0
    verdict = json.loads(said)
    assert verdict["code"] == ErrorCode.STORE_FULL
    assert "free disk space" in verdict["message"]
    assert 10 < verdict["kept"] < 1000
    assert verdict["readable"]
    assert verdict["failed_is_absent"]
    assert verdict["writes_again"]


def test_transaction_that_does_not_fit_fails_alone(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path, StoreConfig(map_size_bytes=1024**2)) as store:
        small = [Transaction(put={b"a/%d" % n: b"x" * 100}) for n in range(100)]
        too_large = Transaction(put={b"a/large": bytes(2 * 1024**2)})
        queued = [store.commit(transaction) for transaction in [*small[:50], too_large, *small[50:]]]
        with pytest.raises(ClipperError) as caught:
            queued.pop(50).result(TIMEOUT_S)
        assert caught.value.code is ErrorCode.STORE_FULL
        assert all(future.result(TIMEOUT_S) for future in queued)
        assert len(store.scan(b"a/")) == 100
        assert store.commit(Transaction(delete={b"a/1"})).result(TIMEOUT_S)


def test_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ClipperError, match=r"open the store in .*file") as caught:
        LmdbStore.open(tmp_path / "file")
    assert caught.value.code is ErrorCode.STORE_FAILED


def test_damaged_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"garbage" * 10_000)
    with pytest.raises(ClipperError) as caught:
        LmdbStore.open(tmp_path)
    assert caught.value.code is ErrorCode.STORE_FAILED
