"""Group commit: the one thread of a process that writes, and the bounded queue in front of it.

Owns the thread, the queue and the futures. Knows no database: it is given a function that applies one group
durably.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import NamedTuple

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.store.config import StoreConfig
from clipper.store.interface import Transaction, size_of

Apply = Callable[[Sequence[Transaction]], Sequence[bool | ClipperError]]
"""Does a group durably; returns for each whether its expectations held, or why that is not known. Raises if nothing was
done, and the transactions may be tried again one by one."""


class _Job(NamedTuple):
    transaction: Transaction
    size_bytes: int
    done: Future[bool]


class GroupWriter:
    """Turns many small transactions into few durable commits: what arrives during one commit joins the next.

    A group of which nothing was done is tried again one by one, so that a transaction which does not fit fails alone.
    """

    def __init__(self, apply: Apply, config: StoreConfig) -> None:
        self._apply = apply
        self._config = config
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()  # None = closed; nothing follows it
        self._lock = threading.Lock()  # guards the three fields below, and the order of the queue's last item
        self._closed = False
        self._pending = 0
        self._pending_bytes = 0
        # A daemon: a process that ends without close() must not hang; what it leaves was not acknowledged.
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Start the thread; `close` ends it."""
        self._thread.start()

    def submit(self, transaction: Transaction) -> Future[bool]:
        """Queue `transaction` without blocking; see `Store.commit`."""
        size_bytes = size_of(transaction)
        job = _Job(transaction, size_bytes, Future())
        with self._lock:
            self._admit(size_bytes)
            self._queue.put(job)
        return job.done

    def close(self) -> None:
        """Apply what is queued and end the thread. Waits for the disk: the database is in use until then."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _admit(self, size_bytes: int) -> None:
        if self._closed:
            raise ClipperError(ErrorCode.STORE_FAILED, "The store is closed: open it again to commit")
        limit_bytes = self._config.queue_limit_bytes
        if size_bytes > limit_bytes:
            raise invalid(f"A transaction of {size_bytes} bytes: expected at most {limit_bytes}; split it")
        if self._pending >= self._config.queue_limit or self._pending_bytes + size_bytes > limit_bytes:
            raise ClipperError(
                ErrorCode.STORE_BUSY,
                f"{self._pending} transactions of {self._pending_bytes} bytes wait for the disk: retry later",
            )
        self._pending += 1
        self._pending_bytes += size_bytes

    def _run(self) -> None:
        while taken := self._take():
            group = [job for job in taken if job.done.set_running_or_notify_cancel()]
            self._make_room(job for job in taken if job.done.cancelled())
            if group:
                self._settle(group)

    def _take(self) -> list[_Job]:
        """Wait for work and return one group of it; empty once closed and everything was taken."""
        group: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            group.append(job)
            if len(group) == self._config.group_limit or self._queue.empty():
                return group
            job = self._queue.get()  # never waits: this thread alone takes from the queue
        if group:
            self._queue.put(None)  # still the last item: found again when this group is done
        return group

    def _settle(self, group: list[_Job]) -> None:
        try:
            outcomes = self._apply([job.transaction for job in group])
        except Exception as error:  # whatever it was, it must not end the thread
            if len(group) == 1:
                self._make_room(group)
                group[0].done.set_exception(error)
                return
            for job in group:
                self._settle([job])
            return
        self._make_room(group)
        for job, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, ClipperError):
                job.done.set_exception(outcome)
            else:
                job.done.set_result(outcome)

    def _make_room(self, jobs: Iterable[_Job]) -> None:
        """Count `jobs` out; before their futures resolve, so that who awaited one finds room for the next."""
        with self._lock:
            for job in jobs:
                self._pending -= 1
                self._pending_bytes -= job.size_bytes
