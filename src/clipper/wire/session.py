"""Both ends of a link as one state machine without I/O: bytes in, events out; calls in, bytes out.

Whatever may be received in a state stands in `RECEIVED`; whatever is not there is the peer's protocol error. Nothing
outside this file changes the state.
"""

from enum import Enum
from typing import NamedTuple, TypeAlias

from clipper.core.inputs import Input
from clipper.wire.batches import (
    InputBatch,
    Outcome,
    ResultBatch,
    decode_predict,
    decode_result,
    encode_predict,
    encode_predict_in_arena,
    encode_predict_parts,
    encode_result,
)
from clipper.wire.errors import LocalProtocolError, RemoteProtocolError
from clipper.wire.frames import MAX_BODY_BYTES, PROTOCOL_VERSION, FrameReader, MessageType, encode_frame
from clipper.wire.handshake import (
    MAX_HANDSHAKE_BYTES,
    Hello,
    Reject,
    Welcome,
    decode_hello,
    decode_reject,
    decode_welcome,
    encode_handshake,
)


class State(Enum):
    """Where a link is in its life."""

    NEW = "new"
    AWAIT_HELLO = "await hello"
    AWAIT_WELCOME = "await welcome"
    READY = "ready"
    CLOSED = "closed"


class Role(Enum):
    """Which end this is: the dialer (a query frontend or the controller) or the container."""

    DIALER = "dialer"
    CONTAINER = "container"


RECEIVED: dict[tuple[Role, State, MessageType], State] = {
    (Role.CONTAINER, State.AWAIT_HELLO, MessageType.HELLO): State.READY,
    (Role.CONTAINER, State.READY, MessageType.PREDICT): State.READY,
    (Role.CONTAINER, State.READY, MessageType.PING): State.READY,
    (Role.CONTAINER, State.READY, MessageType.PONG): State.READY,
    (Role.CONTAINER, State.READY, MessageType.GOODBYE): State.CLOSED,
    (Role.DIALER, State.AWAIT_WELCOME, MessageType.WELCOME): State.READY,
    (Role.DIALER, State.AWAIT_WELCOME, MessageType.REJECT): State.CLOSED,
    (Role.DIALER, State.READY, MessageType.RESULT): State.READY,
    (Role.DIALER, State.READY, MessageType.PING): State.READY,
    (Role.DIALER, State.READY, MessageType.PONG): State.READY,
    (Role.DIALER, State.READY, MessageType.GOODBYE): State.CLOSED,
}


class PredictReceived(NamedTuple):
    """A batch to compute."""

    batch_id: int
    batch: InputBatch


class ResultReceived(NamedTuple):
    """A batch's outcomes."""

    batch_id: int
    result: ResultBatch


class PingReceived(NamedTuple):
    """A probe, to be answered with `send_pong(probe_id)`."""

    probe_id: int


class PongReceived(NamedTuple):
    """The answer to our probe."""

    probe_id: int


class GoodbyeReceived(NamedTuple):
    """The peer is leaving and takes nothing new."""


Event: TypeAlias = (
    Hello | Welcome | Reject | PredictReceived | ResultReceived | PingReceived | PongReceived | GoodbyeReceived
)


class Session:
    """One end of one link. `receive` and the `send_…` methods raise once the state does not allow the message.

    Attributes:
        arena: of a container: the peer's memory, in which rows of inputs may lie, once it is mapped.
    """

    def __init__(self, role: Role) -> None:
        self._role = role
        self._reader = FrameReader(MAX_HANDSHAKE_BYTES)  # a stranger cannot make us hold more than that
        self.arena: memoryview | None = None
        self.state = State.AWAIT_HELLO if role is Role.CONTAINER else State.NEW

    def __repr__(self) -> str:
        return f"<Session {self._role.value}: {self.state.value}, {self._reader.pending_bytes} bytes pending>"

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an incomplete frame wait for the rest."""
        return self._reader.pending_bytes

    def receive(self, data: bytes | memoryview) -> list[Event]:
        """The events that `data` completes. Raises RemoteProtocolError, after which the session is closed.

        A dialer sends nothing after HELLO until WELCOME has come.
        """
        events: list[Event] = []
        try:
            for kind, frame_id, body in self._reader.feed(data):
                following = RECEIVED.get((self._role, self.state, kind))
                if following is None:
                    raise RemoteProtocolError(f"A {kind.name} is not expected while the link is {self.state.value!r}")
                events.append(self._decode(kind, frame_id, body))
                self.state = following
            if self.state is State.READY:
                self._reader.max_body_bytes = MAX_BODY_BYTES
        except RemoteProtocolError:
            self.state = State.CLOSED
            raise
        return events

    def send_hello(self, token_half: str, peer: str, arena: int = 0) -> bytes:
        """The first message of a dialer. The descriptor of its arena, if it has one, goes with the first byte."""
        self._require(Role.DIALER, State.NEW, "HELLO")
        self.state = State.AWAIT_WELCOME
        return encode_frame(MessageType.HELLO, 0, encode_handshake(Hello(PROTOCOL_VERSION, token_half, peer, arena)))

    def send_welcome(self, welcome: Welcome) -> bytes:
        """The container's answer to a HELLO that it accepts."""
        self._require(Role.CONTAINER, State.READY, "WELCOME")
        return encode_frame(MessageType.WELCOME, 0, encode_handshake(welcome))

    def send_reject(self, reject: Reject) -> bytes:
        """The container's answer to a HELLO that it refuses; the session is closed after it."""
        self._require(Role.CONTAINER, State.READY, "REJECT")
        self.state = State.CLOSED
        return encode_frame(MessageType.REJECT, 0, encode_handshake(reject))

    def send_predict(self, batch_id: int, inputs: list[Input]) -> bytes:
        """A batch for the container."""
        self._require(Role.DIALER, State.READY, "PREDICT")
        return encode_predict(batch_id, inputs)

    def send_predict_parts(self, batch_id: int, inputs: list[Input]) -> list[bytes]:
        """The same, to be sent back to back."""
        self._require(Role.DIALER, State.READY, "PREDICT")
        return encode_predict_parts(batch_id, inputs)

    def send_predict_in_arena(self, batch_id: int, inputs: list[Input], offset: int) -> bytes:
        """The same for a container that has taken our arena, in which the rows lie from `offset` on."""
        self._require(Role.DIALER, State.READY, "PREDICT")
        return encode_predict_in_arena(batch_id, inputs, offset)

    def send_result(self, batch_id: int, outcomes: list[Outcome], compute_ns: int) -> bytes:
        """A batch's outcomes for the dialer."""
        self._require(Role.CONTAINER, State.READY, "RESULT")
        return encode_result(batch_id, outcomes, compute_ns)

    def send_ping(self, probe_id: int) -> bytes:
        """A probe; the peer answers with a PONG of the same id."""
        self._require(self._role, State.READY, "PING")
        return encode_frame(MessageType.PING, probe_id)

    def send_pong(self, probe_id: int) -> bytes:
        """The answer to a probe."""
        self._require(self._role, State.READY, "PONG")
        return encode_frame(MessageType.PONG, probe_id)

    def send_goodbye(self) -> bytes:
        """We are leaving; the session is closed after it."""
        self._require(self._role, State.READY, "GOODBYE")
        self.state = State.CLOSED
        return encode_frame(MessageType.GOODBYE, 0)

    def _require(self, role: Role, state: State, message: str) -> None:
        if self._role is not role or self.state is not state:
            raise LocalProtocolError(f"Cannot send {message} as {self._role.value} while {self.state.value!r}")

    def _decode(self, kind: MessageType, frame_id: int, body: bytes) -> Event:
        match kind:
            case MessageType.RESULT:
                return ResultReceived(frame_id, decode_result(body))
            case MessageType.PREDICT:
                return PredictReceived(frame_id, decode_predict(body, self.arena))
            case MessageType.PING:
                return PingReceived(frame_id)
            case MessageType.PONG:
                return PongReceived(frame_id)
            case MessageType.HELLO:
                return decode_hello(body)
            case MessageType.WELCOME:
                return decode_welcome(body)
            case MessageType.REJECT:
                return decode_reject(body)
            case MessageType.GOODBYE:
                return GoodbyeReceived()
