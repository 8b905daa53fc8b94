"""Group commit with a stand-in for the database that can be held, and made to fail."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store.config import StoreConfig
from clipper.store.interface import Transaction
from clipper.store.writer import GroupWriter

TIMEOUT_S = 10.0


class HeldDatabase:
    """Records the groups it is given. `hold` stops it inside the next one until `release`."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.poison: set[bytes] = set()
        self.entered = threading.Event()
        self._open = threading.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def apply(self, group: Sequence[Transaction]) -> list[bool]:
        names = [next(iter(transaction.put)) for transaction in group]
        self.groups.append(names)
        self.entered.set()
        assert self._open.wait(TIMEOUT_S)
        if not self.poison.isdisjoint(names):
            raise ClipperError(ErrorCode.STORE_FULL, "full")
        return [transaction.put[name] == b"yes" for transaction, name in zip(group, names, strict=True)]


MakeWriter = Callable[..., GroupWriter]


@pytest.fixture
def database() -> HeldDatabase:
    return HeldDatabase()


@pytest.fixture
def make_writer(database: HeldDatabase) -> Iterator[MakeWriter]:
    made: list[GroupWriter] = []

    def make(**changed: Any) -> GroupWriter:
        writer = GroupWriter(database.apply, dataclasses.replace(StoreConfig(), **changed))
        writer.start()
        made.append(writer)
        return writer

    yield make
    database.release()
    for writer in made:
        writer.close()


def put(name: bytes, value: bytes = b"yes") -> Transaction:
    return Transaction(put={name: value})


def hold_with_first(writer: GroupWriter, database: HeldDatabase) -> Future[bool]:
    """Keep the thread busy with one transaction, so that what follows queues up."""
    database.hold()
    first = writer.submit(put(b"first"))
    assert database.entered.wait(TIMEOUT_S)
    return first


def test_what_queues_during_a_commit_is_the_next_group(make_writer: MakeWriter, database: HeldDatabase) -> None:
    writer = make_writer(group_limit=3)
    first = hold_with_first(writer, database)
    rest = [writer.submit(put(b"%d" % n, b"yes" if n else b"no")) for n in range(4)]
    assert not first.done()
    database.release()
    assert first.result(TIMEOUT_S)
    assert [future.result(TIMEOUT_S) for future in rest] == [False, True, True, True]
    assert database.groups == [[b"first"], [b"0", b"1", b"2"], [b"3"]]


def test_failed_group_is_tried_one_by_one_and_the_thread_survives(
    make_writer: MakeWriter, database: HeldDatabase
) -> None:
    writer = make_writer()
    hold_with_first(writer, database)
    database.poison = {b"1"}
    good, bad, other = (writer.submit(put(b"%d" % n)) for n in range(3))
    database.release()
    assert good.result(TIMEOUT_S)
    assert other.result(TIMEOUT_S)
    with pytest.raises(ClipperError) as caught:
        bad.result(TIMEOUT_S)
    assert caught.value.code is ErrorCode.STORE_FULL
    assert database.groups[1:] == [[b"0", b"1", b"2"], [b"0"], [b"1"], [b"2"]]
    assert writer.submit(put(b"later")).result(TIMEOUT_S)


def test_full_queue_is_busy_until_it_drains(make_writer: MakeWriter, database: HeldDatabase) -> None:
    writer = make_writer(queue_limit=3)
    futures = [hold_with_first(writer, database), writer.submit(put(b"1")), writer.submit(put(b"2"))]
    with pytest.raises(ClipperError) as caught:
        writer.submit(put(b"3"))
    assert caught.value.code is ErrorCode.STORE_BUSY
    assert caught.value.retryable
    database.release()
    assert all(future.result(TIMEOUT_S) for future in futures)
    assert writer.submit(put(b"3")).result(TIMEOUT_S)


def test_queue_is_bounded_in_bytes(make_writer: MakeWriter, database: HeldDatabase) -> None:
    writer = make_writer(queue_limit_bytes=100)
    first = hold_with_first(writer, database)
    with pytest.raises(ClipperError) as busy:
        writer.submit(put(b"x", b"v" * 95))
    assert busy.value.code is ErrorCode.STORE_BUSY
    with pytest.raises(ClipperError) as never:
        writer.submit(put(b"x", b"v" * 100))
    assert never.value.code is ErrorCode.INVALID_ARGUMENT
    database.release()
    assert first.result(TIMEOUT_S)
    assert not writer.submit(put(b"x", b"v" * 95)).result(TIMEOUT_S)


def test_transaction_cancelled_in_the_queue_is_not_done(make_writer: MakeWriter, database: HeldDatabase) -> None:
    writer = make_writer()
    first = hold_with_first(writer, database)
    cancelled, kept = writer.submit(put(b"cancelled")), writer.submit(put(b"kept"))
    assert cancelled.cancel()
    assert not first.cancel()  # too late: it is being committed
    database.release()
    assert first.result(TIMEOUT_S)
    assert kept.result(TIMEOUT_S)
    assert database.groups == [[b"first"], [b"kept"]]


def test_cancelled_transactions_make_room(make_writer: MakeWriter, database: HeldDatabase) -> None:
    writer = make_writer(queue_limit=2)
    first = hold_with_first(writer, database)
    assert writer.submit(put(b"cancelled")).cancel()
    database.release()
    assert first.result(TIMEOUT_S)
    assert writer.submit(put(b"1")).result(TIMEOUT_S)
    both = [writer.submit(put(b"%d" % n)) for n in range(2)]
    assert all(future.result(TIMEOUT_S) for future in both)


def test_close_drains_the_queue_and_ends_the_thread(make_writer: MakeWriter, database: HeldDatabase) -> None:
    writer = make_writer(group_limit=2)
    first = hold_with_first(writer, database)
    queued = [writer.submit(put(b"%d" % n)) for n in range(5)]
    closer = threading.Thread(target=writer.close)
    closer.start()
    database.release()
    closer.join(TIMEOUT_S)
    assert not closer.is_alive()
    assert all(future.result(0) for future in [first, *queued])
    with pytest.raises(ClipperError) as caught:
        writer.submit(put(b"late"))
    assert caught.value.code is ErrorCode.STORE_FAILED
    assert "store-writer" not in {thread.name for thread in threading.enumerate()}
