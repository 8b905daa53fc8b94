"""Frames and bodies as they should be, and as they should not: the latter end their own connection and no other."""

import struct

from clipper.container.commands.link import Link
from clipper.container.conformance.agreed import check_outcomes, numbers
from clipper.container.conformance.check import Check
from clipper.container.conformance.checks.handshake import require_closed
from clipper.container.conformance.subject import Subject
from clipper.core.inputs import DType
from clipper.wire.batches import MAX_BATCH, encode_predict
from clipper.wire.frames import HEADER, HEADER_SIZE, MAX_BODY_BYTES, MessageType, encode_frame

_INPUTS = [numbers(DType.FLOAT64, (2,), 1.0, 2.0), numbers(DType.FLOAT64, (2,), -0.5, 3.0)]

_NOT_FRAMES = {
    "garbage": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "a frame of type 0": HEADER.pack(0, 0, 0, 0, 0),
    "a frame of type 9": HEADER.pack(0, 9, 0, 0, 0),
    "a frame with flags": HEADER.pack(0, MessageType.PING, 1, 0, 0),
    "a frame with reserved bits": HEADER.pack(0, MessageType.PING, 0, 1, 0),
    "the header of a body of 64 MiB and a byte": HEADER.pack(MAX_BODY_BYTES + 1, MessageType.PREDICT, 0, 0, 1),
    "the header of a body of 4 GiB": HEADER.pack(2**32 - 1, MessageType.PREDICT, 0, 0, 1),
}


def _body(size: int, dtype: int, layout: int, ndim: int, *rest: bytes, place: int = 0) -> bytes:
    return struct.pack("<IBBBB", size, dtype, layout, ndim, place) + b"".join(rest)


def _words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


_BAD_BODIES = {
    "without anything": b"",
    "that ends in its header": b"\1\0\0\0\3",
    "of an unknown dtype": _body(1, 6, 0, 1, _words(0, 0)),
    "of an unknown layout": _body(1, 3, 2, 1, _words(0, 0)),
    "of an unknown place": _body(1, 3, 0, 1, _words(0, 0), place=2),
    "that refers to an arena on a link without": _body(1, 3, 0, 1, _words(0, 0), bytes(8), place=1),
    "without inputs": _body(0, 3, 0, 1, _words(0, 0)),
    "of 65,537 inputs": _body(MAX_BATCH + 1, 5, 0, 1, _words(0, 0)),
    "of 4 billion ragged inputs": _body(2**32 - 1, 5, 1, 8),
    "without dimensions": _body(1, 3, 0, 0),
    "with nine dimensions": _body(1, 3, 0, 9, bytes(40)),
    "that ends in its dimensions": _body(2, 3, 1, 1, _words(1)),
    "with rows that are too short": _body(1, 3, 0, 1, _words(2, 0), bytes(8)),
    "with rows that are too long": _body(1, 3, 0, 1, _words(1, 0), bytes(16)),
    "whose dimensions multiply past 64 bits": _body(1, 3, 0, 8, _words(*[2**32 - 1] * 8)),
    "whose dimensions multiply to 2 to the 64": _body(1, 3, 0, 3, _words(2**31, 2**30, 1, 0)),
    "of uniform strings": _body(1, 4, 0, 1, _words(2, 0), b"hi"),
    "of bytes with two dimensions": _body(1, 0, 1, 2, _words(1, 2), b"hi"),
}


def what_is_no_frame_ends_its_connection(subject: Subject) -> None:
    """Garbage, unknown types, flags, bodies over the limit: closed at the header, others unharmed."""
    for name, junk in _NOT_FRAMES.items():
        _check_cut_off(subject, junk, name)


def what_is_not_allowed_ends_its_connection(subject: Subject) -> None:
    """A message that is not allowed here: closed, others unharmed."""
    for kind in (MessageType.HELLO, MessageType.WELCOME, MessageType.REJECT, MessageType.RESULT):
        _check_cut_off(subject, encode_frame(kind, 0), f"a {kind.name} after the handshake")


def bodies_have_to_add_up(subject: Subject) -> None:
    """A PREDICT whose lengths do not add up: closed, others unharmed."""
    for name, body in _BAD_BODIES.items():
        _check_cut_off(subject, encode_frame(MessageType.PREDICT, 1, body), f"a PREDICT {name}")


def truncated_frame_harms_nobody(subject: Subject) -> None:
    """A connection that ends within a frame harms nobody."""
    frame = encode_predict(1, _INPUTS)
    with subject.link() as other:
        for length in (1, HEADER_SIZE - 1, HEADER_SIZE, HEADER_SIZE + 5, len(frame) - 1):
            with subject.link() as link:
                link.send(frame[:length])
        _check_alive(other)


def half_a_frame_keeps_nobody_waiting(subject: Subject) -> None:
    """A peer that stops within a frame keeps nobody waiting."""
    with subject.link() as link, subject.dial() as stranger, subject.link() as other:
        link.send(encode_predict(1, _INPUTS)[:-1])
        stranger.send(b"\1\0\0")
        _check_alive(other)


def frame_may_come_in_pieces(subject: Subject) -> None:
    """A frame that comes byte by byte."""
    with subject.link() as link:
        for byte in encode_predict(1, _INPUTS):
            link.send(bytes([byte]))
        check_outcomes(_INPUTS, link.result(1, 2).outcomes)


def frames_may_come_together(subject: Subject) -> None:
    """Several frames in one piece."""
    ping = encode_frame(MessageType.PING, 5)
    with subject.link() as link:
        link.send(ping + ping + encode_predict(1, _INPUTS))
        link.expect(MessageType.PONG, 5)
        link.expect(MessageType.PONG, 5)
        check_outcomes(_INPUTS, link.result(1, 2).outcomes)


def _check_cut_off(subject: Subject, data: bytes, what: str) -> None:
    with subject.link() as other:
        with subject.link() as link:
            link.send(data)
            require_closed(link, f"after {what}")
        _check_alive(other)


def _check_alive(other: Link) -> None:
    """Another connection is answered as ever."""
    check_outcomes(_INPUTS, other.predict(_INPUTS).outcomes)


CHECKS: tuple[Check, ...] = (
    frame_may_come_in_pieces,
    frames_may_come_together,
    what_is_no_frame_ends_its_connection,
    what_is_not_allowed_ends_its_connection,
    bodies_have_to_add_up,
    truncated_frame_harms_nobody,
    half_a_frame_keeps_nobody_waiting,
)
