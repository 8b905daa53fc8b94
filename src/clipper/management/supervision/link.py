"""The controller's own connection to a container: it proves that the container answers, and keeps it from leaving.

A container that nobody is connected to for a while exits by itself, so the controller stays connected to each.
"""

import asyncio

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import Input
from clipper.registry.entities import Replica
from clipper.wire.batches import Outcome
from clipper.wire.frames import PROTOCOL_VERSION
from clipper.wire.handshake import Reject, Welcome, container_half, dialer_half, same_token
from clipper.wire.session import Event, GoodbyeReceived, PingReceived, ResultReceived, Role, Session

PEER_NAME = "controller"

_READ_BYTES = 64 * 1024


class NotListening(Exception):
    """Nobody listens at the address yet."""


class ConnectionEndedError(ClipperError):
    """The container, or its end, closed the connection."""

    def __init__(self, why: str) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, why)


class ContainerLink:
    """The connection to one replica's container, used by one task at a time.

    `dial` opens it, also again; whoever makes the link calls `close` in the end, however dialling went.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._session = Session(Role.DIALER)
        self._events: list[Event] = []
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def address(self) -> str:
        """Where the container listens."""
        return self._replica.address

    async def dial(self, timeout_s: float) -> None:
        """Connect to the replica's address and shake hands.

        Raises:
            NotListening: there is no such socket, or nobody behind it.
            ClipperError: TIMEOUT, or PROTOCOL if it is not the container that the record speaks of.
        """
        self.close()
        try:
            path = self._replica.address.removeprefix("unix:")
            self._reader, self._writer = await asyncio.open_unix_connection(path)
        except OSError as error:
            raise NotListening(str(error)) from error
        self._session, self._events = Session(Role.DIALER), []
        try:
            async with asyncio.timeout(timeout_s):
                await self._shake_hands()
        except TimeoutError:
            raise ClipperError(
                ErrorCode.TIMEOUT, f"The container did not answer the handshake within {timeout_s:g} s"
            ) from None

    async def predict(self, value: Input, timeout_s: float) -> Outcome:
        """What the container makes of one input. Raises ClipperError TIMEOUT, UNAVAILABLE or PROTOCOL."""
        self._send(self._session.send_predict(1, [value]))
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    event = await self._receive()
                    if isinstance(event, ResultReceived) and event.result.outcomes:
                        return event.result.outcomes[0]
        except TimeoutError:
            raise ClipperError(
                ErrorCode.TIMEOUT, f"The container did not answer its example within {timeout_s:g} s"
            ) from None

    async def stay(self, probe_s: float, hang_timeout_s: float) -> None:
        """Answer probes, and send one every `probe_s`, until the container ends the connection.

        Raises:
            ClipperError: TIMEOUT if it has not answered a probe for `hang_timeout_s`, or PROTOCOL.
        """
        waiting_for_s: float | None = None
        while True:
            try:
                async with asyncio.timeout(probe_s):
                    event = await self._receive()
            except TimeoutError:
                if waiting_for_s is None:
                    self._send(self._session.send_ping(0))
                waiting_for_s = (waiting_for_s or 0.0) + probe_s
            except ConnectionEndedError:
                return
            else:
                if isinstance(event, GoodbyeReceived):
                    return
                waiting_for_s = None
            if waiting_for_s is not None and waiting_for_s > hang_timeout_s:
                raise ClipperError(ErrorCode.TIMEOUT, f"The container has not answered for {hang_timeout_s:g} s")

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None

    async def _shake_hands(self) -> None:
        replica = self._replica
        self._send(self._session.send_hello(dialer_half(replica.token), PEER_NAME))
        answer = await self._receive()
        if isinstance(answer, Reject):
            raise ClipperError(ErrorCode.PROTOCOL, f"The container rejected the controller: {answer.message}")
        if not isinstance(answer, Welcome) or not same_token(answer.token, container_half(replica.token)):
            raise ClipperError(
                ErrorCode.PROTOCOL, f"What listens at {replica.address} does not hold the token it was started with"
            )
        if (answer.protocol, answer.model, answer.version) != (PROTOCOL_VERSION, replica.model, replica.version):
            raise ClipperError(
                ErrorCode.PROTOCOL,
                f"The container serves {answer.model}:{answer.version} in protocol {answer.protocol}; "
                f"expected {replica.model}:{replica.version} in protocol {PROTOCOL_VERSION}",
            )

    async def _receive(self) -> Event:
        """The next event. Raises ConnectionEndedError, or ClipperError PROTOCOL."""
        assert self._reader is not None
        while not self._events:
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise ConnectionEndedError(f"The connection broke: {error}") from error
            if not data:
                raise ConnectionEndedError("The container closed the connection")
            self._events = self._session.receive(data)
            for event in self._events:
                if isinstance(event, PingReceived):
                    self._send(self._session.send_pong(event.probe_id))
        return self._events.pop(0)

    def _send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)
