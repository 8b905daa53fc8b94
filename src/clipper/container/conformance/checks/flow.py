"""What goes on at the same time: batches in flight, probes, several peers."""

import time
from contextlib import ExitStack

from clipper.container.conformance.agreed import check_outcomes, numbers, text
from clipper.container.conformance.check import Check
from clipper.container.conformance.golden import golden
from clipper.container.conformance.subject import Subject
from clipper.core.inputs import DType
from clipper.wire.batches import encode_predict
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.frames import MessageType, encode_frame

_SLEEP_MS = 200
_LARGEST_ID = 2**64 - 1
_PEERS = 8


def two_batches_in_flight(subject: Subject) -> None:
    """Several batches in flight, answered in order under their ids."""
    batches = {
        _LARGEST_ID - each: [text(f"batch {each}, item {item}") for item in range(each + 1)] for each in range(5)
    }
    with subject.link() as link:
        link.send(b"".join(encode_predict(number, inputs) for number, inputs in batches.items()))
        for number, inputs in batches.items():
            check_outcomes(inputs, link.result(number, len(inputs)).outcomes)


def compute_time_is_without_waiting(subject: Subject) -> None:
    """The compute time is the batch's own, without waiting."""
    inputs = [text(f"sleep {_SLEEP_MS}")]
    with subject.link() as link:
        link.send(encode_predict(1, inputs) + encode_predict(2, inputs))
        for number in (1, 2):
            result = link.result(number, 1)
            check_outcomes(inputs, result.outcomes)
            took_ms = result.compute_ns / 1e6
            if not 0.9 * _SLEEP_MS <= took_ms < 1.9 * _SLEEP_MS:
                raise RemoteProtocolError(f"Batch {number} of {_SLEEP_MS} ms is said to have taken {took_ms:.3f} ms")


def probes_are_answered(subject: Subject) -> None:
    """Probes are answered under their ids."""
    with subject.link() as link:
        link.send(golden("ping"))
        frame = link.receive()
        if encode_frame(frame.type, frame.id, frame.body) != golden("pong"):
            raise RemoteProtocolError(f"Expected the golden PONG, got {frame}")
        for number in (0, _LARGEST_ID):
            link.send_frame(MessageType.PING, number)
            link.expect(MessageType.PONG, number)


def probes_between_batches(subject: Subject) -> None:
    """Probes among batches."""
    inputs = [text("sleep 50")]
    expected = {(MessageType.RESULT, 1), (MessageType.RESULT, 2), (MessageType.PONG, 8), (MessageType.PONG, 9)}
    with subject.link() as link:
        link.send(encode_predict(1, inputs) + encode_frame(MessageType.PING, 8) + encode_predict(2, inputs))
        link.send_frame(MessageType.PING, 9)
        frames = [link.receive() for _ in expected]
    if {(frame.type, frame.id) for frame in frames} != expected:
        raise RemoteProtocolError(f"Expected two RESULTs and two PONGs, got {[frame[:2] for frame in frames]}")


def pongs_are_taken(subject: Subject) -> None:
    """A PONG that nobody asked for is no error."""
    with subject.link() as link:
        link.send_frame(MessageType.PONG, 77)
        link.send_frame(MessageType.PING, 78)
        link.expect(MessageType.PONG, 78)


def several_peers(subject: Subject) -> None:
    """Eight peers at once."""
    with ExitStack() as stack:
        links = [stack.enter_context(subject.link()) for _ in range(_PEERS)]
        batches = [[numbers(DType.INT32, (1,), each), numbers(DType.INT32, (1,), -each)] for each in range(_PEERS)]
        for link, inputs in zip(links, batches, strict=True):
            link.send(encode_predict(1, inputs) + encode_predict(2, inputs))
        for number in (1, 2):
            for link, inputs in reversed(list(zip(links, batches, strict=True))):
                check_outcomes(inputs, link.result(number, 2).outcomes)


def slow_reader_keeps_nobody_waiting(subject: Subject) -> None:
    """A peer that does not read its results keeps nobody waiting."""
    large = [text("x" * 16_000_000)]
    with subject.link() as slow, subject.link() as other:
        slow.send(encode_predict(1, large))
        until = time.monotonic() + 1.0
        while time.monotonic() < until:  # the first answers may come before the large result is under way
            check_outcomes([text("quick")], other.predict([text("quick")]).outcomes)
        check_outcomes(large, slow.result(1, 1).outcomes)


CHECKS: tuple[Check, ...] = (
    two_batches_in_flight,
    compute_time_is_without_waiting,
    probes_are_answered,
    probes_between_batches,
    pongs_are_taken,
    several_peers,
    slow_reader_keeps_nobody_waiting,
)
