"""The embedded store: LMDB in one folder, shared by the processes of one machine.

Owns the folder: LMDB's two files and the `watch` file beside them. LMDB gives what a crash must not break:
readers see the last complete commit, a writer that dies leaves no trace of its transaction, its lock passes on.

The folder must be on a local disk, and a process may open it only once, after any fork.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Self

import lmdb

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store.config import StoreConfig
from clipper.store.interface import Transaction, Watch
from clipper.store.watch import WatchFile
from clipper.store.writer import GroupWriter

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""EIO: LMDB's word for a write that was cut short, which is how a full disk mostly shows."""


class LmdbStore:
    """A `Store` in the folder it is opened on. Made by `open`; a context manager that closes itself."""

    is_local: bool = True

    def __init__(self, environment: lmdb.Environment, watches: WatchFile, config: StoreConfig) -> None:
        self._environment = environment
        self._begin = environment.begin
        self._watches = watches
        self._writer = GroupWriter(self._apply, config)

    @classmethod
    def open(cls, path: Path, config: StoreConfig | None = None) -> Self:
        """Open the store in the folder `path`, made if missing, and start its writer.

        Raises:
            ClipperError: STORE_FULL or STORE_FAILED.
        """
        config = config or StoreConfig()
        with _translated(f"open the store in {path}"), ExitStack() as undo:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            watches = WatchFile.open(path / "watch")
            undo.callback(watches.close)
            environment = lmdb.open(str(path), map_size=config.map_size_bytes, mode=0o600)
            undo.callback(environment.close)
            _sync_folder(path)
            store = cls(environment, watches, config)
            store._start()
            undo.pop_all()
        return store

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None if it is absent; about 1.5 µs."""
        try:
            snapshot = self._begin()
            value = snapshot.get(key)
            snapshot.abort()  # cheaper than a `with` block; after an error its last reference ends it
        except lmdb.Error as error:
            raise _failure("read", error) from error
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, or None."""
        return [self.get(key) for key in keys]

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Return every (key, value) under `prefix`, in key order, from one consistent snapshot."""
        with _translated("read"), self._begin() as snapshot, snapshot.cursor() as cursor:
            if not cursor.set_range(prefix):
                return []
            return list(takewhile(lambda item: item[0].startswith(prefix), cursor))

    def commit(self, transaction: Transaction) -> Future[bool]:
        """Queue `transaction`; see `Store.commit`."""
        return self._writer.submit(transaction)

    def watch(self, prefix: bytes) -> Watch:
        """Return a watch on the first segment of `prefix`; see `Store.watch`."""
        return self._watches.watch(prefix)

    def close(self) -> None:
        """Commit what is queued, end the writer, release the files. Closing again does nothing."""
        self._writer.close()
        self._environment.close()
        self._watches.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        self._environment.reader_check()  # killed readers would keep old pages from being reused for ever
        with self._begin(write=True):  # for its lock only: nothing is written
            self._watches.announce_all(self._watches.draw_ticket())  # see watch.py, point 4
        self._writer.start()

    def _apply(self, group: Sequence[Transaction]) -> list[bool]:
        outcomes: list[bool] = []
        touched: set[bytes] = set()
        with _translated("commit"), self._begin(write=True) as open_group:
            ticket = self._watches.draw_ticket()
            for transaction in group:
                held = _apply_one(open_group, transaction)
                outcomes.append(held)
                if held:
                    touched.update(transaction.put, transaction.delete)
        self._watches.announce(ticket, touched)
        return outcomes


def _sync_folder(path: Path) -> None:
    """Make the names of new files as durable as what will be written to them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _apply_one(open_group: "lmdb.Transaction[bytes]", transaction: Transaction) -> bool:
    """Do `transaction` inside the group, seeing those before it; return whether its expectations held."""
    for key, expected in transaction.expect.items():
        if open_group.get(key) != expected:
            return False
    for key in transaction.delete:
        open_group.delete(key)
    for key, value in transaction.put.items():
        open_group.put(key, value)
    return True


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except (lmdb.Error, OSError) as error:
        raise _failure(action, error) from error


def _failure(action: str, error: lmdb.Error | OSError) -> ClipperError:
    if isinstance(error, lmdb.BadValsizeError):
        return ClipperError(ErrorCode.INVALID_ARGUMENT, f"Cannot {action}: expected a key that is not empty")
    number = error.errno if isinstance(error, OSError) else getattr(error, "code", None)
    if isinstance(error, (lmdb.MapFullError, lmdb.DiskError)) or number in _FULL:
        return ClipperError(
            ErrorCode.STORE_FULL,
            f"Cannot {action}: the disk is full or fails, or the store has reached its map_size_bytes ({error}); "
            "free disk space or raise that limit",
        )
    return ClipperError(ErrorCode.STORE_FAILED, f"Cannot {action}: {error}; check the store's folder and its disk")
