"""The load itself: one thread, one epoll, plain sockets. A request costs it some twenty microseconds.

A connection carries one query at a time, so that no answer waits behind another's; while all are busy, what is due
waits here, and pays for it. Not asyncio: its clock ticks in milliseconds, and queries are to leave when they are due.
"""

import contextlib
import select
import socket
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from clipper.cli.bench.arrivals import MAX_QUERIES, Times
from clipper.cli.bench.outcome import Kind, Record
from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode

CONNECT_TIMEOUT_S = 5.0
LAST_ANSWERS_S = 5.0
"""How long after the last query was due its answer may still come."""

RECEIVE_BYTES = 65536
LONGEST_WAIT_S = 0.05
REPORT_S = 0.1
NAN = float("nan")
DEFAULTS = (b'"default":true', b'"default": true')
UNDER_WAY = -1

Progress = Callable[[int, float], None]
"""Told how many were answered so far, and after how many seconds."""


@dataclass(slots=True, eq=False)
class _Connection:
    """A socket, and the number of the query that it carries."""

    socket: socket.socket
    carries: int = UNDER_WAY
    received: bytes = b""


class Sender:
    """Sends queries to one address and notes what becomes of them; for one run.

    Args:
        address: host and port.
        requests: whole HTTP requests, one for each query, for ever.
        connections: at most so many queries under way.
    """

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes], connections: int) -> None:
        self._address = address
        self._requests = requests
        self._connections = connections
        self._by_number: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._start = 0.0
        self._due, self._left, self._done = array("d"), array("d"), array("d")
        self._kind = bytearray()
        self._answered = 0

    def open_loop(self, due: Times, on_progress: Progress) -> Record:
        """Each query at its time. Raises UNAVAILABLE if nobody answers at the address."""
        with self._connected() as epoll:
            self._due = array("d", due.tolist())
            end = float(due[-1]) if len(due) else 0.0
            self._run(epoll, end, end + LAST_ANSWERS_S, on_progress)
        return self._record()

    def closed_loop(self, seconds: float, on_progress: Progress) -> Record:
        """Each connection asks again as soon as it is answered."""
        with self._connected() as epoll:
            self._run_closed(epoll, seconds, on_progress)
        return self._record()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[select.epoll]:
        with select.epoll() as epoll:
            try:
                for _ in range(self._connections):
                    self._dial(epoll)
                self._start = monotonic()
                yield epoll
            finally:
                for connection in self._by_number.values():
                    connection.socket.close()

    def _dial(self, epoll: select.epoll) -> None:
        try:
            made = socket.create_connection(self._address, CONNECT_TIMEOUT_S)
        except OSError as error:
            raise ClipperError(
                ErrorCode.UNAVAILABLE, f"Cannot connect to {self._address[0]}:{self._address[1]}: {error}"
            ) from None
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        connection = _Connection(made)
        self._by_number[made.fileno()] = connection
        epoll.register(made.fileno(), select.EPOLLIN)
        self._idle.append(connection)

    def _run(self, epoll: select.epoll, end_s: float, limit_s: float, on_progress: Progress) -> None:
        due, next_due, reported = self._due, 0, 0.0
        while next_due < len(due) or len(self._idle) < len(self._by_number):
            now = monotonic() - self._start
            while next_due < len(due) and due[next_due] <= now and self._idle:
                self._send(next_due, now)
                next_due += 1
            if now > limit_s:
                break
            if now - reported >= REPORT_S:
                reported = now
                on_progress(self._answered, min(now, end_s))
            wait = due[next_due] - now if next_due < len(due) and self._idle else LONGEST_WAIT_S
            self._receive_all(epoll, min(wait, LONGEST_WAIT_S))
        on_progress(self._answered, end_s)

    def _run_closed(self, epoll: select.epoll, seconds: float, on_progress: Progress) -> None:
        reported = 0.0
        while True:
            now = monotonic() - self._start
            asking = now < seconds and len(self._due) < MAX_QUERIES
            while asking and self._idle:
                self._due.append(now)
                self._send(len(self._due) - 1, now)
            if now > seconds + LAST_ANSWERS_S or (not asking and len(self._idle) == len(self._by_number)):
                break
            if now - reported >= REPORT_S:
                reported = now
                on_progress(self._answered, min(now, seconds))
            self._receive_all(epoll, LONGEST_WAIT_S)
        on_progress(self._answered, seconds)

    def _send(self, number: int, now: float) -> None:
        connection = self._idle.popleft()
        connection.carries = number
        self._left.append(now)
        self._done.append(NAN)
        self._kind.append(Kind.LOST)
        request = next(self._requests)
        try:
            sent = connection.socket.send(request)
            if sent < len(request):  # larger than what the kernel keeps: the rest goes when there is room
                connection.socket.setblocking(True)
                connection.socket.sendall(request[sent:])
                connection.socket.setblocking(False)
        except OSError:
            return  # closed by the other side, as its next event tells

    def _receive_all(self, epoll: select.epoll, wait_s: float) -> None:
        # select on the epoll: its timeout is exact to the microsecond, epoll's own is rounded up to a millisecond
        if select.select([epoll], [], [], max(0.0, wait_s))[0]:
            for number, _ in epoll.poll(0):
                self._receive(epoll, self._by_number[number])

    def _receive(self, epoll: select.epoll, connection: _Connection) -> None:
        try:
            received = connection.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._lost(epoll, connection)
            return
        reply = connection.received = connection.received + received if connection.received else received
        head_end = reply.find(b"\r\n\r\n")
        if head_end < 0 or len(reply) - head_end - 4 < _content_length(reply[:head_end]):
            return
        self._done[connection.carries] = monotonic() - self._start
        self._kind[connection.carries] = _kind(reply)
        self._answered += 1
        connection.carries, connection.received = UNDER_WAY, b""
        self._idle.append(connection)

    def _lost(self, epoll: select.epoll, connection: _Connection) -> None:
        """The other side has closed it; its query is lost, and another connection takes its place."""
        del self._by_number[connection.socket.fileno()]
        if connection.carries == UNDER_WAY:
            self._idle.remove(connection)
        connection.socket.close()
        try:
            self._dial(epoll)
        except ClipperError:
            if not self._by_number:
                raise

    def _record(self) -> Record:
        due = np.array(self._due)
        missing = len(due) - len(self._left)  # never sent: all connections were busy until the end
        left, done = (np.concatenate([np.array(each), np.full(missing, NAN)]) for each in (self._left, self._done))
        kind = np.concatenate([np.frombuffer(bytes(self._kind), np.int8), np.zeros(missing, np.int8)])
        return Record(due, left, done, kind)


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")


def _kind(reply: bytes) -> Kind:
    if reply[9:12] != b"200":
        return Kind.ERROR
    return Kind.DEFAULT if DEFAULTS[0] in reply or DEFAULTS[1] in reply else Kind.ANSWERED
