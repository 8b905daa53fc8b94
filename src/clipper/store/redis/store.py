"""The store on a Redis server: the same compare-and-set, scan and watch, shared by several machines.

Owns the keys `clipper:values` and `clipper:order` of one database of that server. A group of transactions is one call
of a script, so it is atomic and costs one round trip. How durable an acknowledged commit is, is a setting of the
server: with `appendfsync always` it is on disk, as with the embedded store (see `soundness.py`).
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Self

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.store.config import StoreConfig
from clipper.store.interface import MAX_KEY_BYTES, Transaction, Watch
from clipper.store.redis.link import RedisLink
from clipper.store.redis.notices import Notices
from clipper.store.redis.scripts import CHANNEL, COMMIT, KEYS, PAGE, VALUES, bounds, commit_arguments
from clipper.store.redis.subscriber import Subscriber
from clipper.store.writer import GroupWriter

PAGE_KEYS = 2_000
"""The most keys of one page of a scan: Redis does nothing else for the 5 to 10 ms it takes."""

PAGE_BYTES = 4 * 1024**2
"""A page ends when it has become so large."""


class RedisStore:
    """A `Store` on the server of `config.url`. Made by `open`; a context manager that closes itself.

    It can be opened, and goes on, while the server is away: reads and commits then fail with UNAVAILABLE within
    `config.timeout_s` for each that waits its turn. A commit that fails so may have been done, or be done later.
    A scan of more than a page (2,000 keys, 4 MiB) is consistent page by page only.
    """

    is_local: bool = False

    def __init__(self, config: StoreConfig) -> None:
        self._link = RedisLink(config)
        self._commit = self._link.script(COMMIT, KEYS)
        self._page = self._link.script(PAGE, KEYS)
        self._channel = CHANNEL % self._link.database
        self._notices = Notices()
        self._writer = GroupWriter(self._apply, config)
        self._subscriber = Subscriber(self._link, self._channel, self._notices, config.timeout_s)
        self._closed = threading.Event()

    @classmethod
    def open(cls, config: StoreConfig) -> Self:
        """Start the writer and the subscriber. Raises INVALID_ARGUMENT for a URL that cannot be one."""
        store = cls(config)
        store._writer.start()
        store._subscriber.start()
        return store

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None if it is absent; a round trip. See `Store.get`."""
        (value,) = self.get_many([key])
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, or None; one round trip. See `Store.get_many`."""
        self._check_open()
        for key in keys:
            if not 0 < len(key) <= MAX_KEY_BYTES:
                raise invalid(f"Cannot read a key of {len(key)} bytes: expected 1 to {MAX_KEY_BYTES} bytes")
        return list(self._link.call("HMGET", VALUES, *keys)) if keys else []

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Return every (key, value) under `prefix`, in key order; see the class for its consistency."""
        self._check_open()
        found: list[tuple[bytes, bytes]] = []
        first, last = bounds(prefix)
        while page := self._link.run(self._page, first, last, PAGE_KEYS, PAGE_BYTES):
            found.extend(zip(page[::2], page[1::2], strict=True))
            first = b"(" + found[-1][0]
        return found

    def commit(self, transaction: Transaction) -> Future[bool]:
        """Queue `transaction`; see `Store.commit`."""
        return self._writer.submit(transaction)

    def watch(self, prefix: bytes) -> Watch:
        """Return a watch on the first segment of `prefix`; see `Store.watch`.

        A commit of another process is seen when Redis has told of it, mostly within a millisecond.
        """
        return self._notices.watch(prefix)

    def close(self) -> None:
        """Commit what is queued, end both threads, close the connections. Closing again does nothing."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._writer.close()
        self._subscriber.close()
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _apply(self, group: Sequence[Transaction]) -> Sequence[bool | ClipperError]:
        """Do a group in one round trip. It is never sent again: if no answer comes, it may have been done."""
        touched = {key for transaction in group for key in (*transaction.put, *transaction.delete)}
        message = self._notices.message(touched)
        try:
            reply = self._link.run(self._commit, self._channel, message, *commit_arguments(group))
        except ClipperError as error:
            self._notices.disown()
            self._notices.announce(touched)
            return [error] * len(group)
        outcomes = [each == 1 for each in reply]
        held = (transaction for transaction, outcome in zip(group, outcomes, strict=True) if outcome)
        self._notices.announce({key for transaction in held for key in (*transaction.put, *transaction.delete)})
        return outcomes

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ClipperError(ErrorCode.STORE_FAILED, "The store is closed: open it again to read")
