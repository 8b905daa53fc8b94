"""The controller's own connection to a container: it proves that the container answers, and keeps it from leaving.

A container that nobody is connected to for a while exits by itself, so the controller stays connected to each.
"""

import asyncio
from typing import Self

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


class ContainerLink:
    """One connection, used by one task at a time. Closed by `close`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._session = Session(Role.DIALER)
        self._events: list[Event] = []

    @classmethod
    async def dial(cls, replica: Replica, timeout_s: float) -> Self:
        """Connect to a replica's address and shake hands.

        Raises:
            NotListening: there is no such socket, or nobody behind it.
            ClipperError: TIMEOUT, or PROTOCOL if it is not the container that the record speaks of.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(replica.address.removeprefix("unix:"))
        except OSError as error:
            raise NotListening(str(error)) from error
        link = cls(reader, writer)
        try:
            async with asyncio.timeout(timeout_s):
                await link._shake_hands(replica)
        except BaseException as error:
            link.close()
            if isinstance(error, TimeoutError):
                raise ClipperError(
                    ErrorCode.TIMEOUT, f"{_name(replica)} did not answer the handshake within {timeout_s:g} s"
                ) from error
            raise
        return link

    async def predict(self, value: Input, timeout_s: float) -> Outcome:
        """What the container makes of one input. Raises ClipperError TIMEOUT, UNAVAILABLE or PROTOCOL."""
        self._writer.write(self._session.send_predict(1, [value]))
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

    async def closed(self) -> None:
        """Answer probes until the container ends the connection, for whatever reason."""
        try:
            while not isinstance(await self._receive(), GoodbyeReceived):
                pass
        except ClipperError:
            return

    def close(self) -> None:
        """End the connection; it cannot be used afterwards."""
        self._writer.close()

    async def _shake_hands(self, replica: Replica) -> None:
        self._writer.write(self._session.send_hello(dialer_half(replica.token), PEER_NAME))
        answer = await self._receive()
        if isinstance(answer, Reject):
            raise ClipperError(ErrorCode.PROTOCOL, f"{_name(replica)} rejected the controller: {answer.message}")
        if not isinstance(answer, Welcome) or not same_token(answer.token, container_half(replica.token)):
            raise ClipperError(
                ErrorCode.PROTOCOL, f"What listens at {replica.address} does not hold the token of {_name(replica)}"
            )
        if (answer.protocol, answer.model, answer.version) != (PROTOCOL_VERSION, replica.model, replica.version):
            raise ClipperError(
                ErrorCode.PROTOCOL,
                f"The container of {_name(replica)} serves {answer.model}:{answer.version} "
                f"in protocol {answer.protocol}; expected protocol {PROTOCOL_VERSION}",
            )

    async def _receive(self) -> Event:
        """The next event. Raises ClipperError UNAVAILABLE at the end of the connection, or PROTOCOL."""
        while not self._events:
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise ClipperError(ErrorCode.UNAVAILABLE, f"The connection broke: {error}") from error
            if not data:
                raise ClipperError(ErrorCode.UNAVAILABLE, "The container closed the connection")
            self._events = self._session.receive(data)
            for event in self._events:
                if isinstance(event, PingReceived):
                    self._writer.write(self._session.send_pong(event.probe_id))
        return self._events.pop(0)


def _name(replica: Replica) -> str:
    return f"replica {replica.replica_id} of {replica.model}:{replica.version}"
