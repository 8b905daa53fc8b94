import asyncio
import itertools

import pytest

from clipper.frontend.config import FrontendConfig
from clipper.frontend.connection import LINGER_S
from tests.unit.frontend.wiring import RecordingTransport, Wiring, closing, ok

GET = b"GET /a HTTP/1.1\r\n\r\n"
LAST = b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n"
BAD = b"BREW /a HTTP/1.1\r\n\r\n"
POST_HEAD = b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\n"


def status(transport: RecordingTransport) -> int:
    """Of the last response."""
    return int(transport.written.rpartition(b"HTTP/1.1 ")[2][:3])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_pipelined_answers_go_out_in_the_order_of_the_requests(order: tuple[int, ...]) -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET * 3)
    for number in order:
        wiring.handler.answer(number)
    assert transport.written == ok(b"0") + ok(b"1") + ok(b"2")
    assert not transport.closed


def test_answer_goes_out_as_soon_as_it_may() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET * 3)
    wiring.handler.answer(1)
    assert transport.written == b""
    wiring.handler.answer(0)
    assert transport.written == ok(b"0") + ok(b"1")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_connection_closes_after_the_request_that_asks_for_it(order: tuple[int, ...]) -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET + LAST + GET)
    connection.data_received(GET)
    assert len(wiring.handler.seen) == 2
    for number in order:
        wiring.handler.answer(number)
    assert transport.written == ok(b"0") + closing(b"1")
    assert transport.closed


def test_repeated_request_is_answered_as_the_first() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    for number in range(5):
        connection.data_received(POST_HEAD + b"ab")
        wiring.handler.answer(number)
    connection.data_received(LAST)
    wiring.handler.answer(5)
    assert transport.written == b"".join(ok(b"%d" % number) for number in range(5)) + closing(b"5")
    assert [body for _, body in wiring.handler.seen] == [b"ab"] * 5 + [b""]


def test_nothing_is_read_while_too_many_requests_wait() -> None:
    wiring = Wiring(FrontendConfig(max_pipelined=4))
    connection, transport = wiring.connect()
    for _ in range(3):
        connection.data_received(GET)
    assert transport.is_reading()
    connection.data_received(GET + GET)
    assert not transport.is_reading()
    wiring.handler.answer(0)
    assert not transport.is_reading()
    wiring.handler.answer(1)
    assert transport.is_reading()


def test_nothing_is_read_while_the_client_does_not() -> None:
    wiring = Wiring(FrontendConfig(max_pipelined=1))
    connection, transport = wiring.connect()
    connection.pause_writing()
    assert not transport.is_reading()
    connection.data_received(GET)  # was on its way
    wiring.handler.answer(0)
    assert not transport.is_reading()
    connection.resume_writing()
    assert transport.is_reading()


def test_reading_goes_on_only_when_both_reasons_are_gone() -> None:
    wiring = Wiring(FrontendConfig(max_pipelined=1))
    connection, transport = wiring.connect()
    connection.data_received(GET)
    connection.pause_writing()
    connection.resume_writing()
    assert not transport.is_reading()
    wiring.handler.answer(0)
    assert transport.is_reading()


def test_bad_request_is_answered_after_those_before_it_and_then_nothing() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET + BAD + GET)
    connection.data_received(GET)
    assert len(wiring.handler.seen) == 1
    assert transport.written == b""
    wiring.handler.answer(0)
    assert transport.written.startswith(ok(b"0") + b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n")
    assert transport.ended  # and what the client still sends is swallowed, so that it can read the answer
    assert not transport.closed


def test_client_that_stays_after_its_error_is_cut_off() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(BAD)
    wiring.after(LINGER_S - 0.1)
    connection.data_received(b"x" * 1000)
    assert not transport.closed
    wiring.after(0.2)
    assert transport.aborted


def test_error_does_not_cut_off_the_queries_before_it() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET + BAD)
    wiring.after(20 * LINGER_S)
    assert not transport.closed
    wiring.handler.answer(0)
    assert status(transport) == 400
    wiring.after(LINGER_S / 2)
    assert not transport.closed


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"POST /a HTTP/1.1\r\ncontent-length: 101\r\n\r\n", 413),
        (b"GET /a HTTP/1.1\r\nx: " + b"y" * 300, 431),
        (b"GET /a HTTP/1.1\r\nx: " + b"y" * 300 + b"\r\n\r\n", 431),
    ],
)
def test_too_large_is_refused_at_once(request_bytes: bytes, expected: int) -> None:
    wiring = Wiring(FrontendConfig(max_head_bytes=256, max_body_bytes=100))
    connection, transport = wiring.connect()
    connection.data_received(request_bytes)
    assert status(transport) == expected
    assert transport.ended


@pytest.mark.parametrize(
    ("begun", "rest", "patience_s", "cause"),
    [
        (b"G", b"ET /a HTTP", 5.0, b"No whole request head in 5.0 s"),
        (b"POST /a HTTP/1.1\r\ncontent-length: 99\r\n\r\n", b"a" * 20, 60.0, b"No whole body in 60.0 s"),
    ],
)
def test_half_sent_request_is_timed_out_however_steadily_it_drips(
    begun: bytes, rest: bytes, patience_s: float, cause: bytes
) -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(begun)
    for byte in rest:
        connection.data_received(bytes([byte]))
        wiring.after(patience_s * 0.9 / len(rest))
    assert transport.written == b""
    wiring.after(patience_s * 0.2)
    assert status(transport) == 408
    assert cause in transport.written
    wiring.after(LINGER_S + 0.1)
    assert transport.aborted


def test_half_sent_request_after_another_has_its_own_time() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET)
    wiring.handler.answer(0)
    wiring.after(60)
    connection.data_received(GET[:5])
    wiring.after(4)
    assert transport.written == ok(b"0")
    connection.data_received(GET[5:])
    wiring.handler.answer(1)
    assert transport.written == ok(b"0") + ok(b"1")


@pytest.mark.parametrize("served", [0, 1])
def test_idle_connection_is_closed_without_a_word(served: int) -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    for number in range(served):
        connection.data_received(GET)
        wiring.handler.answer(number)
    before = transport.written
    wiring.after(74)
    assert not transport.closed
    wiring.after(2)
    assert transport.aborted
    assert transport.written == before


def test_connection_that_waits_for_its_answer_is_not_idle() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET)
    wiring.after(1000)
    assert not transport.closed
    wiring.handler.answer(0)
    assert transport.written == ok(b"0")


def test_client_that_never_reads_its_last_answer_is_cut_off() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(LAST)
    wiring.handler.answer(0)
    assert transport.closed  # but its buffer is never empty, so it is not lost
    wiring.after(76)
    assert transport.aborted


@pytest.mark.parametrize("framing", [b"content-length: 2\r\n", b"transfer-encoding: chunked\r\n"])
def test_client_that_asks_is_told_once_to_continue(framing: bytes) -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\n" + framing + b"\r\n")
    assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    for piece in (b"ab",) if framing.startswith(b"content") else (b"2", b"\r\nab\r\n", b"0\r\n\r\n"):
        connection.data_received(piece)
    wiring.handler.answer(0)
    assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"0")


def test_client_is_not_told_to_continue_with_a_body_that_is_too_large() -> None:
    wiring = Wiring(FrontendConfig(max_body_bytes=10))
    connection, transport = wiring.connect()
    connection.data_received(b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 413 ")


def test_connection_over_the_limit_is_told_so() -> None:
    wiring = Wiring(FrontendConfig(max_connections=2))
    wiring.connect()
    second, _ = wiring.connect()
    refused, transport = wiring.connect()
    assert status(transport) == 503
    assert transport.closed
    refused.data_received(GET)
    refused.connection_lost(None)
    assert wiring.handler.seen == []
    second.connection_lost(None)
    _, transport = wiring.connect()
    assert transport.written == b""
    assert len(wiring.connections.open) == 2


def test_half_closed_client_still_gets_its_answers() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET + GET)
    assert connection.eof_received()
    wiring.handler.answer(0)
    wiring.handler.answer(1)
    assert transport.written == ok(b"0") + closing(b"1")
    assert transport.closed


def test_half_closed_client_is_closed_when_nothing_is_unanswered() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET[:5])
    assert not connection.eof_received()
    assert transport.closed


def test_error_of_a_half_closed_client_ends_the_connection() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET + BAD)
    assert connection.eof_received()
    wiring.handler.answer(0)
    assert status(transport) == 400
    assert transport.closed


def test_answers_for_a_client_that_has_gone_are_dropped() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET + GET)
    connection.connection_lost(ConnectionResetError())
    wiring.handler.answer(1)
    wiring.handler.answer(0)
    assert transport.written == b""
    assert not wiring.connections.open


def test_drain_answers_what_was_asked_and_takes_nothing_new() -> None:
    async def drained() -> None:
        draining = asyncio.create_task(wiring.connections.drain(patience_s=10))
        await idle.closing.wait()
        idle_connection.connection_lost(None)
        connection.data_received(GET)
        wiring.handler.answer(1)
        wiring.handler.answer(0)
        connection.connection_lost(None)
        await draining

    wiring = Wiring()
    connection, transport = wiring.connect()
    idle_connection, idle = wiring.connect()
    connection.data_received(GET + GET)
    asyncio.run(drained())
    assert len(wiring.handler.seen) == 2
    assert transport.written == ok(b"0") + closing(b"1")
    assert transport.closed


def test_drain_gives_up_on_what_is_not_answered() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET)
    asyncio.run(wiring.connections.drain(patience_s=0.01))
    assert not transport.closed


def test_request_that_arrives_during_the_drain_is_the_last() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(GET)
    wiring.handler.answer(0)
    wiring.connections.draining = True  # requests that were on their way are still answered
    connection.data_received(GET + GET)
    wiring.handler.answer(1)
    assert transport.written == ok(b"0") + closing(b"1")
    assert transport.closed


def test_drain_does_not_wait_for_a_client_that_lingers() -> None:
    wiring = Wiring()
    connection, transport = wiring.connect()
    connection.data_received(BAD)
    connection.close_when_answered()
    assert transport.closed
