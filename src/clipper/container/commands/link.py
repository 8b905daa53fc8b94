"""The dialer's end of one connection to a container, blocking and bounded: for whoever tries one out."""

import array
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from clipper.core.inputs import Input
from clipper.wire.batches import ResultBatch, decode_result, encode_predict
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.frames import PROTOCOL_VERSION, Frame, FrameReader, MessageType, encode_frame
from clipper.wire.handshake import Hello, Welcome, decode_reject, decode_welcome, dialer_half, encode_handshake

RECEIVE_BYTES = 1024 * 1024


class Closed(RemoteProtocolError):
    """The container has closed the connection."""

    def __init__(self) -> None:
        super().__init__("The container has closed the connection")


class TooLate(RemoteProtocolError):
    """Nothing has come within the time that a container has to answer."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"Nothing has come from the container for {timeout_s:g} s")


class Link:
    """One connection. What is received is decoded strictly; what is sent may be anything.

    Args:
        connection: closed by `close`.
        timeout_s: how long `receive` waits at most.
    """

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        self._reader = FrameReader()
        self._frames: list[Frame] = []

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def send(self, data: bytes) -> None:
        """Send all of `data`; no error if the container has closed the connection meanwhile: `receive` will say so."""
        self.connection.settimeout(self.timeout_s)
        try:
            self.connection.sendall(data)
        except TimeoutError:
            raise TooLate(self.timeout_s) from None
        except OSError:
            pass

    def send_frame(self, kind: MessageType, number: int = 0, body: bytes = b"") -> None:
        """Send one frame."""
        self.send(encode_frame(kind, number, body))

    def receive(self) -> Frame:
        """The next frame. Raises Closed, TooLate, or RemoteProtocolError if it is none."""
        until = time.monotonic() + self.timeout_s
        while not self._frames:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TooLate(self.timeout_s)
            self.connection.settimeout(left_s)
            try:
                data = self.connection.recv(RECEIVE_BYTES)
            except TimeoutError:
                continue
            except OSError:
                raise Closed from None
            if not data:
                raise Closed
            self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    def expect(self, kind: MessageType, number: int = 0) -> bytes:
        """The body of the next frame, which must be of that type and id. Raises as `receive`."""
        frame = self.receive()
        if (frame.type, frame.id) != (kind, number):
            raise RemoteProtocolError(
                f"Expected {kind.name} with id {number}, got {frame.type.name} with id {frame.id}: {frame.body[:200]!r}"
            )
        return frame.body

    def greet(self, token: str, arena: int = 0, descriptor: int | None = None) -> Welcome:
        """Say HELLO with our half of `token` and return the WELCOME.

        Args:
            token: the whole of it.
            arena: the size of the memory that is offered; 0: none.
            descriptor: sent with the first byte.

        Raises:
            RemoteProtocolError: for anything else than a WELCOME.
        """
        hello = Hello(PROTOCOL_VERSION, dialer_half(token), "trial", arena)
        data = encode_frame(MessageType.HELLO, 0, encode_handshake(hello))
        if descriptor is None:
            self.send(data)
        else:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            sent = self.connection.sendmsg([data], [rights])
            self.send(data[sent:])
        frame = self.receive()
        if frame.type is MessageType.REJECT:
            reject = decode_reject(frame.body)
            raise RemoteProtocolError(f"The container refuses us ({reject.code}): {reject.message}")
        if (frame.type, frame.id) != (MessageType.WELCOME, 0):
            raise RemoteProtocolError(f"Expected WELCOME with id 0, got {frame.type.name} with id {frame.id}")
        return decode_welcome(frame.body)

    def predict(self, inputs: list[Input], number: int = 1) -> ResultBatch:
        """Send one batch and return its result. Raises as `expect` and `result`."""
        self.send(encode_predict(number, inputs))
        return self.result(number, len(inputs))

    def result(self, number: int, size: int) -> ResultBatch:
        """The next frame, which must be the RESULT of batch `number` with `size` outcomes."""
        result = decode_result(self.expect(MessageType.RESULT, number))
        if len(result.outcomes) != size:
            raise RemoteProtocolError(f"A RESULT has {len(result.outcomes)} outcomes for {size} inputs")
        return result


@contextmanager
def linked(connection: socket.socket, timeout_s: float) -> Iterator[Link]:
    """A link over `connection`, closed at the end."""
    link = Link(connection, timeout_s)
    try:
        yield link
    finally:
        link.close()
