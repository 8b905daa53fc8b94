"""One connection of a container: what its peer has asked and not yet got, and how long it may keep us waiting."""

import fcntl
import mmap
import os
import select
import socket
from collections import deque
from math import inf
from typing import Final

from clipper.wire.errors import RemoteProtocolError
from clipper.wire.handshake import MAX_HANDSHAKE_BYTES
from clipper.wire.session import Event, Role, Session, State

PEER_TIMEOUT_S: Final = 5.0
"""How long a peer may stop in the middle of something: its handshake, a frame, or results it does not read."""


class Peer:
    """A frontend or the controller at the other end of `connection`, which is non-blocking. Closes it.

    Attributes:
        name: what it calls itself, once it has said HELLO.
        welcome: whether it has proved itself with the token.
        waiting: what it sent and we have not looked at. While there is any, nothing more is read from it.
        overdue_at: when our patience with it ends, in the seconds of `now`.
        watched: what its connection is polled for.
    """

    def __init__(self, connection: socket.socket, now: float) -> None:
        self.connection = connection
        self.session = Session(Role.CONTAINER)
        self.name = "a stranger"
        self.welcome = False
        self.waiting: deque[Event] = deque()
        self.overdue_at = now + PEER_TIMEOUT_S
        self.watched = select.POLLIN
        self._unsent = memoryview(b"")
        self._descriptor = -1

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
            data = self._receive_into(buffer) if self.welcome else self._receive_greeting()
        except BlockingIOError:
            return True
        except OSError:
            return False
        if data:
            self.waiting.extend(self.session.receive(data))
        elif self.session.pending_bytes:
            raise RemoteProtocolError(f"The link ended {self.session.pending_bytes} bytes into a frame")
        return len(data) > 0

    def map_arena(self, size: int) -> bool:
        """Whether the memory that came with its HELLO is as it should be; from then on inputs may lie in it."""
        descriptor, self._descriptor = self._descriptor, -1
        self.session.arena = _map_arena(descriptor, size) if descriptor >= 0 else None
        return self.session.arena is not None

    def close(self) -> None:
        """Let it go, and what it has given us."""
        self.connection.close()
        self.session.arena = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def send(self, data: bytes) -> bool:
        """Send `data` as far as the peer takes it, and keep the rest for `flush`. False: the peer has gone."""
        self._unsent = memoryview(bytes(self._unsent) + data if self._unsent else data)
        return self.flush()

    def flush(self) -> bool:
        """Send more of what is left. False: the peer has gone."""
        try:
            sent = self.connection.send(self._unsent)
            self._unsent = self._unsent[sent:]
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
        self.close()

    def _receive_into(self, buffer: memoryview) -> memoryview:
        received = self.connection.recv_into(buffer)  # a name of its own: mypyc evaluates a slice's bound twice
        return buffer[:received]

    def _receive_greeting(self) -> bytes:
        """Bytes, and the descriptor that may come with the first of them; a stranger cannot make us hold two."""
        data, descriptors, _, _ = socket.recv_fds(self.connection, MAX_HANDSHAKE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        for descriptor in descriptors:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = descriptor
        return data


def _map_arena(descriptor: int, size: int) -> memoryview | None:
    """The first `size` bytes behind `descriptor`, which is closed; None if they are not what the protocol asks for.

    The peer must have given up the right to make its memory smaller: reading past an end that has moved would kill us.
    """
    try:
        sealed = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK
        if not sealed or not 0 < size <= os.fstat(descriptor).st_size:
            return None
        return memoryview(mmap.mmap(descriptor, size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ))
    except OSError:  # no memory file, or no room left in our address space
        return None
    finally:
        os.close(descriptor)
