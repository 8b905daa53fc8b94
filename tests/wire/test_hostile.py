"""What a broken or hostile peer sends ends its own link with a RemoteProtocolError, and costs no memory."""

import json
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.core.inputs import DType, InputType
from clipper.wire.batches import MAX_BATCH, decode_predict, decode_result
from clipper.wire.errors import LocalProtocolError, RemoteProtocolError
from clipper.wire.frames import HEADER, HEADER_SIZE, MAX_BODY_BYTES, FrameReader, MessageType, encode_frame
from clipper.wire.handshake import (
    MAX_HANDSHAKE_BYTES,
    Reject,
    Welcome,
    decode_hello,
    decode_reject,
    decode_welcome,
    dialer_half,
    same_token,
)
from clipper.wire.session import RECEIVED, Role, Session, State
from tests.wire.arrays import TOKEN, data, numbers
from tests.wire.test_round_trips import linked


def header(length: int, code: int = MessageType.PREDICT, flags: int = 0, reserved: int = 0) -> bytes:
    return HEADER.pack(length, code, flags, reserved, 1)


# --- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        header(0, code=0),
        header(0, code=9),
        header(0, flags=1),
        header(0, reserved=1),
        header(MAX_BODY_BYTES + 1),
        header(2**32 - 1),
    ],
)
def test_what_is_not_a_frame_is_refused_at_its_header(junk: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        FrameReader().feed(junk)


def test_truncated_frame_waits_and_says_so() -> None:
    frame = encode_frame(MessageType.PREDICT, 1, b"12345678")
    for length in range(len(frame)):
        reader = FrameReader()
        assert reader.feed(frame[:length]) == []
        assert reader.pending_bytes == length


def test_our_own_oversize_frame_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="exceeds the limit"):
        encode_frame(MessageType.RESULT, 1, bytes(MAX_BODY_BYTES), b"1")


@given(junk=st.binary(min_size=HEADER_SIZE, max_size=100))
def test_reader_never_raises_anything_else(junk: bytes) -> None:
    refuses(FrameReader().feed, junk)


def refuses(decode: Callable[[bytes], object], body: bytes) -> bool:
    """Whether `decode` refuses `body`; any other exception than the protocol's is the test's failure."""
    try:
        decode(body)
    except RemoteProtocolError:
        return True
    return False


# --- bodies ----------------------------------------------------------------------------------------------------------


def predict_body(size: int, dtype: int, layout: int, ndim: int, rest: bytes = b"", place: int = 0) -> bytes:
    return struct.pack("<IBBBB", size, dtype, layout, ndim, place) + rest


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\1\0\0\0\3",
        predict_body(1, 6, 0, 1, struct.pack("<II", 0, 0)),
        predict_body(1, DType.FLOAT64, 2, 1, struct.pack("<II", 0, 0)),
        predict_body(1, DType.FLOAT64, 0, 1, struct.pack("<II", 0, 0), place=2),
        predict_body(1, DType.FLOAT64, 0, 1, struct.pack("<IIQ", 0, 0, 0), place=1),
        predict_body(0, DType.FLOAT64, 0, 1, struct.pack("<II", 0, 0)),
        predict_body(MAX_BATCH + 1, DType.UINT8, 0, 1, struct.pack("<II", 0, 0)),
        predict_body(2**32 - 1, DType.UINT8, 1, 8),
        predict_body(1, DType.FLOAT64, 0, 0),
        predict_body(1, DType.FLOAT64, 0, 9, bytes(40)),
        predict_body(2, DType.FLOAT64, 1, 1, struct.pack("<I", 1)),
        predict_body(1, DType.FLOAT64, 0, 1, struct.pack("<IId", 2, 0, 1.0)),
        predict_body(1, DType.FLOAT64, 0, 1, struct.pack("<IIdd", 1, 0, 1.0, 1.0)),
        predict_body(1, DType.FLOAT64, 0, 8, struct.pack("<8I", *[2**32 - 1] * 8)),
        predict_body(1, DType.STRING, 0, 1, struct.pack("<II", 2, 0) + b"hi"),
        predict_body(1, DType.BYTES, 1, 2, struct.pack("<II", 1, 2) + b"hi"),
    ],
)
def test_inputs_that_do_not_add_up_are_refused(body: bytes) -> None:
    assert refuses(decode_predict, body)


@pytest.mark.parametrize(
    ("count", "reference"),
    [
        (2, struct.pack("<Q", 8)),
        (2, struct.pack("<Q", 16)),
        (2, struct.pack("<Q", 2**64 - 8)),
        (3, struct.pack("<Q", 0)),
        (2**32 - 1, struct.pack("<Q", 0)),
        (1, struct.pack("<Q", 4)),
        (1, struct.pack("<Q", 0) + b"x"),
        (1, struct.pack("<I", 0)),
        (1, b""),
    ],
)
def test_rows_outside_the_arena_are_refused(count: int, reference: bytes) -> None:
    body = predict_body(1, DType.FLOAT64, 0, 1, struct.pack("<II", count, 0) + reference, place=1)
    assert refuses(lambda body: decode_predict(body, memoryview(bytes(16))), body)


@given(body=st.binary(max_size=60).map(lambda rest: predict_body(1, DType.UINT8, 0, 1, rest, place=1)))
def test_any_reference_is_inside_the_arena_or_refused(body: bytes) -> None:
    arena = memoryview(bytes(range(64)))
    if not refuses(lambda body: decode_predict(body, arena), body):
        assert decode_predict(body, arena).rows()[0].nbytes <= 64


def result_body(size: int, lengths: list[int], items: bytes) -> bytes:
    return struct.pack("<IIQ", size, 0, 1) + struct.pack(f"<{len(lengths)}I", *lengths) + items


@pytest.mark.parametrize(
    "body",
    [
        b"",
        result_body(1, [], b"")[:-1],
        result_body(2, [1], b""),
        result_body(2**32 - 1, [], b""),
        result_body(MAX_BATCH + 1, [0] * (MAX_BATCH + 1), b""),
        result_body(1, [2], b"1"),
        result_body(1, [1], b"12"),
        result_body(2, [2**31 - 1, 1], b"1"),
        result_body(1, [2**31 | 5], b"1"),
    ],
)
def test_outcomes_that_do_not_add_up_are_refused(body: bytes) -> None:
    assert refuses(decode_result, body)


@given(body=st.binary(max_size=200))
def test_any_body_is_decoded_or_refused(body: bytes) -> None:
    for decode in (decode_predict, decode_result, decode_hello, decode_welcome, decode_reject):
        refuses(decode, body)


@given(st.data())
def test_every_truncation_of_a_batch_is_refused(draw: st.DataObject) -> None:
    dialer, _ = linked()
    body = dialer.send_predict(1, [numbers(DType.INT32, (2,), 1, 2), numbers(DType.INT32, (1,), 3)])[HEADER_SIZE:]
    assert refuses(decode_predict, body[: draw.draw(st.integers(0, len(body) - 1))])


# --- handshake -------------------------------------------------------------------------------------------------------

HELLO = {"protocol": 1, "token": dialer_half(TOKEN), "peer": "frontend-0"}
WELCOME = {**HELLO, "model": "m", "version": "1", "input_type": "doubles"}


@pytest.mark.parametrize("name", HELLO)
@pytest.mark.parametrize("wrong", [None, [], {}, 1.5, True])
def test_hello_with_a_wrong_field_names_it(name: str, wrong: object) -> None:
    for fields in ({**HELLO, name: wrong}, {key: HELLO[key] for key in HELLO if key != name}):
        with pytest.raises(RemoteProtocolError, match=f"'{name}'"):
            decode_hello(json.dumps(fields).encode())


@pytest.mark.parametrize("arena", [None, "1", 1.5, True, -1, 2**30 + 1, []])
def test_hello_with_a_wrong_arena_names_it(arena: object) -> None:
    with pytest.raises(RemoteProtocolError, match="'arena'"):
        decode_hello(json.dumps({**HELLO, "arena": arena}).encode())


@pytest.mark.parametrize("arena", [None, "true", 1, []])
def test_welcome_with_a_wrong_arena_names_it(arena: object) -> None:
    with pytest.raises(RemoteProtocolError, match="'arena'"):
        decode_welcome(json.dumps({**WELCOME, "arena": arena}).encode())


@pytest.mark.parametrize("name", ["model", "version", "token"])
def test_welcome_with_a_wrong_field_names_it(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"'{name}'"):
        decode_welcome(json.dumps({**WELCOME, name: 1}).encode())


def test_welcome_of_an_unknown_input_type_is_the_peers_mistake() -> None:
    with pytest.raises(RemoteProtocolError, match="colours"):
        decode_welcome(json.dumps({**WELCOME, "input_type": "colours"}).encode())


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"[]", b"null", b"{", b"[" * 60_000, b'{"protocol": ' + b"1" * 5000 + b"}", b" " * 70_000]
)
def test_handshake_that_is_not_an_object_is_refused(body: bytes) -> None:
    for decode in (decode_hello, decode_welcome, decode_reject):
        assert refuses(decode, body)


@pytest.mark.parametrize("given_token", ["", "0" * 32, TOKEN, TOKEN[:31], "é" * 32, "\ud800" * 32])
def test_any_wrong_token_is_just_wrong(given_token: str) -> None:
    assert not same_token(given_token, dialer_half(TOKEN))


def test_stranger_cannot_announce_more_than_a_handshake() -> None:
    for role, kind in ((Role.CONTAINER, MessageType.HELLO), (Role.CONTAINER, MessageType.PREDICT)):
        session = Session(role)
        with pytest.raises(RemoteProtocolError, match="limit"):
            session.receive(header(MAX_HANDSHAKE_BYTES + 1, kind))
        assert session.state is State.CLOSED


def test_linked_peer_may_announce_a_whole_batch() -> None:
    dialer, container = linked()
    assert container.receive(header(MAX_BODY_BYTES, MessageType.PREDICT)) == []
    assert dialer.receive(header(MAX_BODY_BYTES, MessageType.RESULT)) == []


# --- the state table -------------------------------------------------------------------------------------------------


def in_state(role: Role, state: State) -> Session:
    session = Session(role)
    session.state = state
    return session


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", MessageType)
def test_what_is_not_in_the_table_closes_the_link(role: Role, state: State, kind: MessageType) -> None:
    session = in_state(role, state)
    if (role, state, kind) in RECEIVED:
        return
    with pytest.raises(RemoteProtocolError, match="not expected"):
        session.receive(encode_frame(kind, 1))
    assert session.state is State.CLOSED


def test_nothing_can_be_sent_once_closed() -> None:
    dialer, container = linked()
    container.receive(dialer.send_goodbye())
    attempts: list[Callable[[], bytes]] = [
        lambda: dialer.send_predict(1, [data(b"x")]),
        dialer.send_goodbye,
        lambda: dialer.send_hello(TOKEN, "again"),
        lambda: container.send_result(1, [b"1"], 1),
        lambda: container.send_pong(1),
        lambda: container.send_welcome(Welcome(1, TOKEN, "m", "1", InputType.BYTES)),
        lambda: container.send_reject(Reject("token", "no")),
    ]
    for attempt in attempts:
        with pytest.raises(LocalProtocolError, match="Cannot send"):
            attempt()


def test_an_end_cannot_play_the_other() -> None:
    dialer, container = linked()
    with pytest.raises(LocalProtocolError):
        container.send_predict(1, [data(b"x")])
    with pytest.raises(LocalProtocolError):
        dialer.send_result(1, [b"1"], 1)


def test_goodbye_closes_both_ends() -> None:
    dialer, container = linked()
    container.receive(dialer.send_goodbye())
    assert dialer.state is container.state is State.CLOSED
