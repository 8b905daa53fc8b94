"""One connection of a container: what its peer has asked and not yet got, and how long it may keep us waiting."""

import selectors
import socket
from collections import deque
from math import inf

from clipper.wire.errors import RemoteProtocolError
from clipper.wire.session import Event, Role, Session, State

PEER_TIMEOUT_S = 5.0
"""How long a peer may stop in the middle of something: its handshake, a frame, or results it does not read."""


class Peer:
    """A frontend or the controller at the other end of `connection`, which is non-blocking. Closes it.

    Attributes:
        name: what it calls itself, once it has said HELLO.
        welcome: whether it has proved itself with the token.
        waiting: what it sent and we have not looked at. While there is any, nothing more is read from it.
        overdue_at: when our patience with it ends, in the seconds of `now`.
        watched: what a selector watches its connection for.
    """

    def __init__(self, connection: socket.socket, now: float) -> None:
        self.connection = connection
        self.session = Session(Role.CONTAINER)
        self.name = "a stranger"
        self.welcome = False
        self.waiting: deque[Event] = deque()
        self.overdue_at = now + PEER_TIMEOUT_S
        self.watched = selectors.EVENT_READ
        self._unsent = memoryview(b"")

    def __repr__(self) -> str:
        return f"<Peer {self.name}: {len(self.waiting)} waiting, {len(self._unsent)} bytes unsent, {self.session!r}>"

    @property
    def blocked(self) -> bool:
        """Whether it has yet to read what we sent; until then nothing is computed for it."""
        return len(self._unsent) > 0

    @property
    def has_work(self) -> bool:
        """Whether something it asked can be answered now."""
        return len(self.waiting) > 0 and not self.blocked

    def receive(self, buffer: memoryview) -> bool:
        """Read what has come, by way of `buffer`. False: the peer has gone.

        Raises RemoteProtocolError if it broke the protocol.
        """
        try:
            count = self.connection.recv_into(buffer)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if count:
            self.waiting.extend(self.session.receive(buffer[:count]))
        elif self.session.pending_bytes:
            raise RemoteProtocolError(f"The link ended {self.session.pending_bytes} bytes into a frame")
        return count > 0

    def send(self, data: bytes) -> bool:
        """Send `data` as far as the peer takes it, and keep the rest for `flush`. False: the peer has gone."""
        self._unsent = memoryview(bytes(self._unsent) + data if self._unsent else data)
        return self.flush()

    def flush(self) -> bool:
        """Send more of what is left. False: the peer has gone."""
        try:
            self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def set_timer(self, now: float) -> None:
        """Start to wait for the peer if it is its turn; to be called when something has moved."""
        if not self.welcome:
            return  # the handshake has one deadline, from its beginning
        mid_frame = not self.waiting and self.session.pending_bytes > 0
        self.overdue_at = now + PEER_TIMEOUT_S if self.blocked or mid_frame else inf

    def say_goodbye(self, timeout_s: float) -> None:
        """Send what is left and GOODBYE, for at most `timeout_s`, and close."""
        try:
            self.connection.settimeout(max(timeout_s, 0.001))
            left = bytes(self._unsent)
            self.connection.sendall(left + self.session.send_goodbye() if self.session.state is State.READY else left)
        except OSError:
            pass
        self.connection.close()
