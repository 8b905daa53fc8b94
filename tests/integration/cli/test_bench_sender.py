"""The load generator of `clipper bench` tells the truth about servers that answer late, wrongly or not at all."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from time import sleep

import numpy as np
import pytest

from clipper.cli.bench.bodies import requests
from clipper.cli.bench.outcome import Kind
from clipper.cli.bench.sender import Sender
from clipper.core.errors import ClipperError

GOOD = b'{"query_id":1,"output":1,"default":false}'
DEFAULT = b'{"query_id":1,"output":-1,"default":true}'

Answer = Callable[[int], bytes | None]


def reply(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, int]]:
    """Answers the n-th request with what `answer` says; None: the connection is closed instead."""
    numbers = iter(range(1_000_000))
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            while (head := file.readline()) and head.startswith(b"POST"):
                length = 0
                while (line := file.readline()) not in {b"\r\n", b""}:
                    if line.lower().startswith(b"content-length"):
                        length = int(line.split(b":")[1])
                file.read(length)
                said = answer(next(numbers))
                if said is None:
                    return
                connection.sendall(said)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def sender(address: tuple[str, int], connections: int = 2) -> Sender:
    return Sender(address, requests("app", "host", [b"[1, 2]"]), connections)


def ignore(answered: int, seconds: float) -> None:
    pass


def test_every_query_of_an_open_loop_is_answered_at_its_time() -> None:
    due = np.arange(50) / 500
    with server(lambda number: reply(GOOD)) as address:
        record = sender(address).open_loop(due, ignore)
    assert record.kind.tolist() == [Kind.ANSWERED] * 50
    assert np.all(record.left >= record.due)
    assert np.all(record.done > record.left)


def test_a_stall_is_paid_for_by_all_that_became_due_meanwhile() -> None:
    def stalls(number: int) -> bytes:
        sleep(0.2 if number == 0 else 0.0)
        return reply(GOOD)

    with server(stalls) as address:
        record = sender(address, connections=1).open_loop(np.arange(10) / 1000, ignore)
    assert record.latency_ms.min() > 150  # of the last too, which had no free connection for as long


def test_defaults_errors_and_broken_connections_are_counted_apart() -> None:
    said = [reply(GOOD), reply(DEFAULT), reply(b"{}", b"503 Service Unavailable"), None]
    with server(lambda number: said[number % 4]) as address:
        record = sender(address, connections=1).open_loop(np.arange(8) / 100, ignore)
    kinds = [Kind.ANSWERED, Kind.DEFAULT, Kind.ERROR, Kind.LOST]
    assert record.kind.tolist() == kinds * 2


def test_closed_loop_asks_again_when_it_is_answered() -> None:
    told: list[int] = []
    with server(lambda number: reply(GOOD)) as address:
        record = sender(address, connections=3).closed_loop(0.2, lambda answered, _: told.append(answered))
    assert len(record.due) > 6
    assert set(record.kind.tolist()) == {Kind.ANSWERED}
    assert told[-1] == len(record.due)


def test_replies_in_pieces_and_large_requests_are_whole() -> None:
    pieces = reply(b'{"default":false, "output": "%b"}' % (b"x" * 200_000))
    body = b"[" + b",".join(repeat(b"1.5", 500_000)) + b"]"
    with server(lambda number: pieces) as address:
        large = Sender(address, requests("app", "host", [body]), 1)
        record = large.open_loop(np.zeros(3), ignore)
    assert record.kind.tolist() == [Kind.ANSWERED] * 3


def test_nobody_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(ClipperError, match="Cannot connect"):
        sender(address).open_loop(np.zeros(1), ignore)
