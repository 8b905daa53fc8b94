"""Serves a loaded model to its peers: one thread, one batch at a time, each peer in its turn.

A peer's second batch waits in the socket, so the model finds work as soon as it is free. What a peer does wrong ends
its own connection and nobody else's.
"""

import logging
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from clipper.container.listening import address_of, enlarge_buffers
from clipper.container.model import Model
from clipper.container.peer import Peer
from clipper.wire.batches import ItemFailure, Outcome
from clipper.wire.errors import LocalProtocolError, RemoteProtocolError
from clipper.wire.frames import PROTOCOL_VERSION
from clipper.wire.handshake import Hello, Reject, Welcome, container_half, dialer_half, same_token
from clipper.wire.session import PingReceived, PredictReceived, State

MAX_PEERS: Final = 64
"""Frontends and the controller; a connection more is closed at once."""

RECEIVE_BYTES: Final = 1024 * 1024
"""Read at once from one peer before the others have their turn; most batches are smaller, and come in one piece."""

GOODBYE_TIMEOUT_S: Final = 1.0
"""For all peers together, to take their last results when the container ends."""

LONGEST_WAIT_S: Final = 0.1
"""A signal does not end the wait for something to read, so this is how often we look whether to stop."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """What a container says of itself, and the secret it shares with those who may talk to it (64 hex digits)."""

    model: str
    version: str
    token: str


class Runner:
    """What the loop of a container does: `turn` while `goes_on`, then `leave`.

    It ends after `stop`, or when no peer has been there for `orphan_grace_s`. The loop itself is not here: this module
    is compiled, and handlers of signals run between byte codes.
    """

    def __init__(self, model: Model, identity: Identity, listener: socket.socket, orphan_grace_s: float) -> None:
        self._model = model
        self._identity = identity
        self._listener = listener
        self._orphan_grace_s = orphan_grace_s
        self._orphan_at = time.monotonic() + orphan_grace_s
        self._peers: deque[Peer] = deque()
        self._connected: dict[int, Peer] = {}  # by the connection's descriptor
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._poll = select.poll()
        self._poll.register(listener, select.POLLIN)
        self._stopping = False

    def stop(self) -> None:
        """Let the turn at hand be the last. Safe in a signal handler."""
        self._stopping = True

    def goes_on(self) -> bool:
        """Whether there is to be another turn."""
        return not self._stopping and time.monotonic() < self._orphan_at

    def turn(self) -> None:
        """Wait for something to do, read from and write to those who are ready, and compute one batch."""
        for descriptor, _ in self._poll.poll(self._wait_ms()):
            peer = self._connected.get(descriptor)
            if peer is None:
                self._accept()
            else:
                self._move(peer)
        self._close_overdue()
        for _ in range(len(self._peers)):
            peer = self._peers[0]
            self._peers.rotate(-1)
            if peer.has_work:
                self._answer(peer)
                break

    def _wait_ms(self) -> int:
        next_at = self._orphan_at
        for peer in self._peers:
            if peer.has_work:
                return 0
            next_at = min(next_at, peer.overdue_at)
        return ceil(min(max(0.0, next_at - time.monotonic()), LONGEST_WAIT_S) * 1000)

    def _close_overdue(self) -> None:
        now = time.monotonic()
        overdue = [peer for peer in self._peers if peer.overdue_at <= now and not peer.has_work]
        for peer in overdue:
            self._close(peer, "it kept us waiting in the middle of a message")

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it has gone again, or we are out of descriptors
            return
        if len(self._peers) >= MAX_PEERS:
            connection.close()
            return
        connection.setblocking(False)
        enlarge_buffers(connection)
        peer = Peer(connection, time.monotonic())
        self._peers.append(peer)
        self._connected[connection.fileno()] = peer
        self._poll.register(connection, peer.watched)

    def _move(self, peer: Peer) -> None:
        """Bytes in or out."""
        try:
            alive = peer.flush() if peer.blocked else peer.has_work or peer.receive(self._buffer)
        except RemoteProtocolError as error:
            self._close(peer, error.message)
            return
        self._after(peer, alive)

    def _answer(self, peer: Peer) -> None:
        """Do the first thing that `peer` waits for."""
        event = peer.waiting.popleft()
        session = peer.session
        alive = True
        if session.state is State.CLOSED:
            self._close(peer, "it said goodbye")
            return
        if isinstance(event, PredictReceived):
            start = time.perf_counter_ns()
            outcomes = self._model.predict(event.batch)
            compute_ns = time.perf_counter_ns() - start
            alive = peer.send(_result(peer, event.batch_id, outcomes, compute_ns))
        elif isinstance(event, PingReceived):
            alive = peer.send(session.send_pong(event.probe_id))
        elif isinstance(event, Hello):
            alive = self._greet(peer, event)
        self._after(peer, alive)

    def _greet(self, peer: Peer, hello: Hello) -> bool:
        identity = self._identity
        if hello.protocol != PROTOCOL_VERSION:
            reject = Reject("protocol", f"This container speaks protocol {PROTOCOL_VERSION}, not {hello.protocol}")
        elif not same_token(hello.token, dialer_half(identity.token)):
            reject = Reject("token", "The token is not the one this container was started with")
        else:
            peer.name = repr(hello.peer[:80])
            peer.welcome = True
            self._orphan_at = inf
            welcome = Welcome(
                PROTOCOL_VERSION,
                container_half(identity.token),
                identity.model,
                identity.version,
                self._model.input_type,
                arena=peer.map_arena(hello.arena),
            )
            return peer.send(peer.session.send_welcome(welcome))
        peer.send(peer.session.send_reject(reject))
        return False

    def _after(self, peer: Peer, alive: bool) -> None:
        """Something has moved: what do we watch now, and until when?"""
        if not alive:
            self._close(peer, "it has gone")
            return
        watched = select.POLLOUT if peer.blocked else select.POLLIN
        if peer.watched != watched:
            peer.watched = watched
            self._poll.modify(peer.connection, watched)
        peer.set_timer(time.monotonic())

    def _close(self, peer: Peer, reason: str) -> None:
        _logger.info("Closed the link to %s: %s", peer.name, reason)
        self._poll.unregister(peer.connection)
        del self._connected[peer.connection.fileno()]
        self._peers.remove(peer)
        peer.close()
        if not any(each.welcome for each in self._peers):
            self._orphan_at = min(self._orphan_at, time.monotonic() + self._orphan_grace_s)

    def leave(self) -> None:
        """Say goodbye to all peers. Closes everything but the listener."""
        reason = "asked to stop" if self._stopping else f"no peer for {self._orphan_grace_s:g} s"
        _logger.info("Leaving %s: %s", address_of(self._listener), reason)
        until = time.monotonic() + GOODBYE_TIMEOUT_S
        for peer in self._peers:
            peer.say_goodbye(until - time.monotonic())
        self._peers.clear()


def _result(peer: Peer, batch_id: int, outcomes: list[Outcome], compute_ns: int) -> bytes:
    try:
        return peer.session.send_result(batch_id, outcomes, compute_ns)
    except LocalProtocolError as error:
        failure = ItemFailure(f"The outputs of the batch are too large: {error.message}")
        return peer.session.send_result(batch_id, [failure] * len(outcomes), compute_ns)
