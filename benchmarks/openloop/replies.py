"""HTTP replies as they came: what kind each is, and its body. Pure."""

from collections.abc import Iterator

from clipper.cli.bench.outcome import Kind

HEAD_END = b"\r\n\r\n"
OK = b"200"
DEFAULTS = (b'"default":true', b'"default": true')


def kind_of(reply: bytes) -> Kind:
    """What a whole reply is, or Kind.LOST for none."""
    if not reply:
        return Kind.LOST
    if reply[9:12] != OK:
        return Kind.ERROR
    return Kind.DEFAULT if DEFAULTS[0] in reply or DEFAULTS[1] in reply else Kind.ANSWERED


def body_of(reply: bytes) -> bytes:
    """What stands behind the head."""
    return reply.partition(HEAD_END)[2]


def cut(data: bytes) -> Iterator[bytes]:
    """Replies one after the other, each behind its length as a little-endian int32; empty where none came."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        yield data[at + 4 : end]
        at = end
