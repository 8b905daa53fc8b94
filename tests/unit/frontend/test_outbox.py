"""Answers are made first and sent afterwards, all of one turn of the event loop together."""

from tests.unit.frontend.wiring import Wiring, closing, ok

GET = b"GET /a HTTP/1.1\r\n\r\n"
LAST = b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n"


def test_answers_of_one_turn_go_out_together() -> None:
    wiring = Wiring(in_turns=True)
    (first, one), (second, two) = wiring.connect(), wiring.connect()
    first.data_received(GET * 2)
    second.data_received(GET)
    wiring.turn()
    for number in range(3):
        wiring.handler.answer(number)
    assert one.written == two.written == b""
    wiring.turn()
    assert one.written == ok(b"0") + ok(b"1")
    assert two.written == ok(b"2")


def test_answer_goes_out_before_its_connection_is_closed() -> None:
    wiring = Wiring(in_turns=True)
    connection, transport = wiring.connect()
    connection.data_received(GET + LAST)
    wiring.turn()
    wiring.handler.answer(0)
    wiring.handler.answer(1)
    assert transport.written == ok(b"0") + closing(b"1")
    assert transport.closed
    wiring.turn()


def test_client_that_goes_before_its_answer_is_sent_costs_others_nothing() -> None:
    wiring = Wiring(in_turns=True)
    (first, gone), (second, other) = wiring.connect(), wiring.connect()
    for connection in (first, second):
        connection.data_received(GET)
    wiring.turn()
    wiring.handler.answer(0)
    wiring.handler.answer(1)
    first.connection_lost(ConnectionResetError())
    gone.closed = True  # and refuses what is written from now on
    wiring.turn()
    assert gone.written == b""
    assert other.written == ok(b"1")


def test_late_answer_goes_out_before_its_connection_is_found_idle() -> None:
    wiring = Wiring(in_turns=True)
    connection, transport = wiring.connect()
    connection.data_received(GET)
    wiring.turn()
    wiring.now += 2 * wiring.config.idle_timeout_s
    wiring.handler.answer(0)
    wiring.after(0)
    assert transport.written == ok(b"0")
