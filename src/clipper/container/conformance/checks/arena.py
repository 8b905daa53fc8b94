"""Rows in shared memory, for containers that take it."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from clipper.container.commands.link import Link
from clipper.container.conformance.agreed import check_outcomes, check_sum, numbers
from clipper.container.conformance.check import Check, NotOffered
from clipper.container.conformance.checks.handshake import require_closed
from clipper.container.conformance.golden import golden
from clipper.container.conformance.subject import Subject
from clipper.core.inputs import DType
from clipper.wire.batches import encode_predict_in_arena
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.frames import MessageType, encode_frame

ARENA_BYTES = 32 * 1024 * 1024
_IMAGE_BYTES = 224 * 224 * 3
_GOLDEN_OFFSET = 4096
_INPUTS = [numbers(DType.FLOAT64, (2,), 1.0, 2.0), numbers(DType.FLOAT64, (2,), -0.5, 3.0)]


def golden_batch_in_arena(subject: Subject) -> None:
    """The golden batch in an arena."""
    with _memory() as memory, _offered(subject, memory) as link:
        os.pwrite(memory, b"\1" * _IMAGE_BYTES + b"\2" * _IMAGE_BYTES, _GOLDEN_OFFSET)
        link.send(golden("predict_in_arena"))
        for total, outcome in zip((_IMAGE_BYTES, 2 * _IMAGE_BYTES), link.result(13, 2).outcomes, strict=True):
            check_sum(outcome, total)


def rows_up_to_the_end(subject: Subject) -> None:
    """Rows up to its end, and inline ones beside."""
    payload = b"".join(each.payload for each in _INPUTS)
    with _memory() as memory, _offered(subject, memory) as link:
        for offset in (0, 8, ARENA_BYTES - len(payload)):
            os.pwrite(memory, payload, offset)
            link.send(encode_predict_in_arena(1, _INPUTS, offset))
            check_outcomes(_INPUTS, link.result(1, 2).outcomes)
        check_outcomes(_INPUTS, link.predict(_INPUTS, 2).outcomes)


def rows_outside(subject: Subject) -> None:
    """Rows outside, unaligned, or badly referred to: closed, others unharmed."""
    for offset in (ARENA_BYTES - 24, ARENA_BYTES, 2**64 - 8, 2**63, 4):
        with subject.link() as other:
            with _memory() as memory, _offered(subject, memory) as link:
                link.send(encode_predict_in_arena(1, _INPUTS, offset))
                require_closed(link, f"after rows at offset {offset} of an arena of {ARENA_BYTES} bytes")
            check_outcomes(_INPUTS, other.predict(_INPUTS).outcomes)
    body = struct.pack("<IBBBBI", 1, DType.UINT8, 0, 1, 1, 1)
    for rest in (bytes(4), bytes(4) + bytes(7), bytes(4) + bytes(9)):
        with _memory() as memory, _offered(subject, memory) as link:
            link.send(encode_frame(MessageType.PREDICT, 1, body + rest))
            require_closed(link, "after an offset that has not 8 bytes")


def memory_that_may_shrink(subject: Subject) -> None:
    """Memory that may shrink is not taken."""
    with _memory(sealed=False) as memory, subject.dial() as link:
        _require_declined(link, subject.token, ARENA_BYTES, memory, "memory that is not sealed against shrinking")


def memory_that_is_too_short(subject: Subject) -> None:
    """Memory that is too short is not taken."""
    with _memory() as memory, subject.dial() as link:
        _require_declined(link, subject.token, ARENA_BYTES + 4096, memory, "memory shorter than it is said to be")


def size_without_memory(subject: Subject) -> None:
    """A size without memory, and memory without a size, are no error."""
    with subject.dial() as link:
        _require_declined(link, subject.token, ARENA_BYTES, None, "a size without a descriptor")
    with _memory() as memory, subject.dial() as link:
        _require_declined(link, subject.token, 0, memory, "a descriptor without a size")


@contextmanager
def _memory(*, sealed: bool = True) -> Iterator[int]:
    descriptor = os.memfd_create("conformance", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, ARENA_BYTES)
        if sealed:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _offered(subject: Subject, memory: int) -> Iterator[Link]:
    """A link whose arena is `memory`. Raises NotOffered if the container does not take one."""
    with subject.dial() as link:
        if not link.greet(subject.token, ARENA_BYTES, memory).arena:
            raise NotOffered("the container takes no arena: everything is sent to it inline")
        yield link


def _require_declined(link: Link, token: str, size: int, memory: int | None, what: str) -> None:
    if link.greet(token, size, memory).arena:
        raise RemoteProtocolError(f"The container has taken {what}")
    check_outcomes(_INPUTS, link.predict(_INPUTS).outcomes)


CHECKS: tuple[Check, ...] = (
    golden_batch_in_arena,
    rows_up_to_the_end,
    rows_outside,
    memory_that_may_shrink,
    memory_that_is_too_short,
    size_without_memory,
)
