"""What every store offers: durable keys and values with compare-and-set, prefix scan and watch.

Owns the protocol and the values that cross it. Knows no implementation, and nothing of what the bytes mean.

A key is a path of bytes, `segment/rest`. Its first segment says whose it is (`registry/`, `state/`, …) and is
the grain of `watch`.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

import msgspec

from clipper.core.errors import invalid

MAX_KEY_BYTES = 511
"""LMDB's limit as it is compiled by default; one rule for every implementation keeps them interchangeable."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A compare-and-set: if every expectation holds, all of `put` and `delete` happen, else nothing does.

    Attributes:
        put: key → value to store.
        delete: keys to remove; one that is absent is no error. May not overlap with `put`.
        expect: key → the value it must have now; None = the key must be absent.
    """

    put: dict[bytes, bytes] = msgspec.field(default_factory=dict)
    delete: set[bytes] = msgspec.field(default_factory=set)
    expect: dict[bytes, bytes | None] = msgspec.field(default_factory=dict)


class Watch(Protocol):
    """Tells whether anything under one prefix was committed, by any process that shares the store."""

    def changed(self) -> bool:
        """Return True once after commits under the prefix; cheap enough (< 0.2 µs) to ask before every query.

        Ask first and read afterwards: what was committed before a True is visible to the read. It may be True
        when nothing under the prefix changed; it never stays False when something did.
        """
        ...


class Store(Protocol):
    """One durable key-value map, shared by several processes. Reads may be made by any thread.

    Attributes:
        is_local: whether a read is a matter of microseconds. If not, it waits for another machine, for up to
            `StoreConfig.timeout_s`, and is nothing for an event loop.
    """

    is_local: bool

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None if it is absent. Raises INVALID_ARGUMENT, STORE_FAILED or UNAVAILABLE."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, or None; where a store is not local, in one round trip. Raises as `get`."""
        ...

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Return every (key, value) under `prefix`, in key order, from one consistent snapshot.

        A store that is not local may do it in pages, each of which is consistent: see there.
        """
        ...

    def commit(self, transaction: Transaction) -> Future[bool]:
        """Queue `transaction`; its future resolves when it is durable: True = done, False = not as expected.

        It never blocks. In asyncio: `await asyncio.wrap_future(store.commit(…))`. If the future is cancelled
        while the transaction is queued, nothing is done.

        Raises:
            ClipperError: INVALID_ARGUMENT for a malformed transaction, STORE_BUSY if too much is queued,
                STORE_FAILED after `close`. The future raises STORE_FULL or STORE_FAILED; reads go on. It raises
                UNAVAILABLE if a store that is not local did not answer: it may or may not have been done.
        """
        ...

    def watch(self, prefix: bytes) -> Watch:
        """Return a watch of commits from now on; `prefix` holds at least a first segment with its `/`."""
        ...

    def close(self) -> None:
        """Commit what is queued and release everything; the store and its watches are unusable afterwards."""
        ...


def size_of(transaction: Transaction) -> int:
    """Return how many bytes `transaction` carries; raise INVALID_ARGUMENT if it is malformed."""
    size = 0
    for key in _keys(transaction):
        if not 0 < len(key) <= MAX_KEY_BYTES:
            raise invalid(f"A key of {len(key)} bytes ({key[:40]!r}): expected 1 to {MAX_KEY_BYTES} bytes")
        size += len(key)
    if not transaction.delete.isdisjoint(transaction.put):
        both = min(transaction.delete.intersection(transaction.put))
        raise invalid(f"The key {both!r} is both put and deleted: expected one of the two")
    for value in transaction.put.values():
        size += len(value)
    for expected in transaction.expect.values():
        size += len(expected or b"")
    return size


def _keys(transaction: Transaction) -> Iterator[bytes]:
    yield from transaction.put
    yield from transaction.delete
    yield from transaction.expect
