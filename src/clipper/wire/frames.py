"""Frames: a 16-byte header, then a body whose length the header gives.

    offset  type  meaning
    0       u32   body length in bytes
    4       u8    message type
    5       u8    flags, 0
    6       u16   reserved, 0
    8       u64   id: of a batch (PREDICT, RESULT) or of a probe (PING, PONG); else 0

Everything on the wire is little-endian.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from clipper.wire.errors import LocalProtocolError, RemoteProtocolError

PROTOCOL_VERSION: Final = 1

HEADER: Final = struct.Struct("<IBBHQ")
HEADER_SIZE: Final = HEADER.size

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""One batch: 100 images of 224x224x3 float32 are 60 MB. A peer that claims more is cut off before we allocate."""


class MessageType(IntEnum):
    """What a frame carries."""

    HELLO = 1
    WELCOME = 2
    REJECT = 3
    PREDICT = 4
    RESULT = 5
    PING = 6
    PONG = 7
    GOODBYE = 8


_TYPES: Final = {int(each): each for each in MessageType}


class Frame(NamedTuple):
    """One whole frame. `body` is a private copy."""

    type: MessageType
    id: int
    body: bytes


def encode_frame(message: MessageType, frame_id: int, *parts: bytes) -> bytes:
    """The bytes of one frame whose body is `parts` back to back. Raises LocalProtocolError past MAX_BODY_BYTES."""
    return b"".join([encode_header(message, frame_id, parts), *parts])


def encode_header(message: MessageType, frame_id: int, parts: Sequence[bytes]) -> bytes:
    """What stands before a body of `parts` back to back. Raises LocalProtocolError past MAX_BODY_BYTES."""
    length = sum(map(len, parts))
    if length > MAX_BODY_BYTES:
        raise LocalProtocolError(f"A {message.name} body of {length} bytes exceeds the limit of {MAX_BODY_BYTES}")
    return HEADER.pack(length, message, 0, 0, frame_id)


class FrameReader:
    """Cuts a byte stream into frames; holds at most one incomplete frame.

    Raises RemoteProtocolError from `feed` on an unknown type, set reserved bits, or a body over the limit, as soon
    as the header is in: what a peer claims is never allocated before it is checked.

    Attributes:
        max_body_bytes: the limit for the frames to come; a session raises it once the handshake is over.
    """

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.max_body_bytes = max_body_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """All frames that are complete once `data` has arrived. `data` is copied: its memory may be used again."""
        if self._buffer:
            self._buffer += data
            frames, used = self._cut(self._buffer)
            del self._buffer[:used]
        else:
            frames, used = self._cut(data)
            if used < len(data):
                self._buffer += memoryview(data)[used:]
        return frames

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an incomplete frame wait for the rest."""
        return len(self._buffer)

    def _cut(self, data: bytes | bytearray | memoryview) -> tuple[list[Frame], int]:
        frames = []
        start = 0
        available = len(data)
        while available - start >= HEADER_SIZE:
            length, code, flags, reserved, frame_id = HEADER.unpack_from(data, start)
            message = _TYPES.get(code)
            if message is None or flags or reserved:
                raise RemoteProtocolError(f"Not a frame of protocol {PROTOCOL_VERSION}: type {code}, flags {flags}")
            if length > self.max_body_bytes:
                raise RemoteProtocolError(
                    f"The peer announced a {message.name} body of {length} bytes; the limit is {self.max_body_bytes}"
                )
            end = start + HEADER_SIZE + length
            if end > available:
                break
            with memoryview(data) as view:  # one copy: a slice of a bytearray would be another
                frames.append(Frame(message, frame_id, bytes(view[start + HEADER_SIZE : end])))
            start = end
        return frames, start
