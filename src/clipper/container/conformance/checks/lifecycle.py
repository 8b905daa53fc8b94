"""How a container comes to listen, and how it ends."""

import socket
import time
from pathlib import Path

from clipper.container.conformance.agreed import check_outcomes, text
from clipper.container.conformance.check import Check
from clipper.container.conformance.checks.handshake import require_closed
from clipper.container.conformance.subject import ANSWER_TIMEOUT_S, START_TIMEOUT_S, Started, Subject, free_port
from clipper.core.errors import ClipperError
from clipper.wire.batches import encode_predict
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.frames import MessageType

_GRACE_S = 1.0
_INPUTS = [text("hi")]
_SLOW = [text("sleep 300")]


def listens_on_tcp(subject: Subject) -> None:
    """Listens on TCP too."""
    with subject.start(address=f"tcp:127.0.0.1:{free_port()}") as started, started.link() as link:
        check_outcomes(_INPUTS, link.predict(_INPUTS).outcomes)


def replaces_a_socket_left_behind(subject: Subject) -> None:
    """Takes the place of a socket that was left behind."""
    address = subject.unix_address("left-behind")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(address.partition(":")[2])
    with subject.start(address=address) as started, started.link() as link:
        check_outcomes(_INPUTS, link.predict(_INPUTS).outcomes)


def removes_its_socket(subject: Subject) -> None:
    """Removes its socket when it ends."""
    address = subject.unix_address("removed")
    with subject.start(address=address) as started:
        with started.link():
            started.process.terminate()
        _require_end(started, "code 0", "after SIGTERM")
    if Path(address.partition(":")[2]).exists():
        raise RemoteProtocolError("Its socket is still there after it has ended")


def unusable_address(subject: Subject) -> None:
    """An address that cannot be used: code 6."""
    for address in (subject.unix_address("no/such/folder/socket"), subject.unix_address("x" * 120), "udp:nowhere"):
        with subject.start(address=address) as started:
            _require_end(started, "code 6", f"since it cannot listen on {address[:80]}", START_TIMEOUT_S)


def wrong_arguments(subject: Subject) -> None:
    """A token that has not 64 digits: does not start."""
    with subject.start(token="0" * 63) as started:
        ending = started.process.wait(START_TIMEOUT_S)
    if ending == "code 0":
        raise RemoteProtocolError("It should not start with a token of 63 digits; it ended with code 0")


def terminates_when_idle(subject: Subject) -> None:
    """SIGTERM: GOODBYE to all, code 0."""
    with subject.start() as started, started.link() as link, started.link() as other:
        started.process.terminate()
        for each in (link, other):
            each.expect(MessageType.GOODBYE)
            require_closed(each, "after GOODBYE")
        _require_end(started, "code 0", "after SIGTERM")


def terminates_after_its_batch(subject: Subject) -> None:
    """SIGTERM within a batch: its RESULT, then GOODBYE, code 0."""
    with subject.start() as started, started.link() as link:
        link.send(encode_predict(1, _SLOW))
        # Nothing tells when a batch has begun: a probe on a link of its own, answered, shows that the socket was read.
        with started.link() as other:
            other.send_frame(MessageType.PING, 1)
            time.sleep(0.1)
            started.process.terminate()
        check_outcomes(_SLOW, link.result(1, 1).outcomes)
        link.expect(MessageType.GOODBYE)
        require_closed(link, "after GOODBYE")
        _require_end(started, "code 0", "after SIGTERM")


def goodbye_ends_one_connection(subject: Subject) -> None:
    """GOODBYE from a peer ends that connection only."""
    with subject.link() as leaving, subject.link() as other:
        leaving.send_frame(MessageType.GOODBYE)
        require_closed(leaving, "after our GOODBYE")
        check_outcomes(_INPUTS, other.predict(_INPUTS).outcomes)


def vanished_peer_harms_nobody(subject: Subject) -> None:
    """Peers that vanish with batches under way harm nobody."""
    with subject.link() as other:
        for _ in range(20):
            with subject.link() as link:
                link.send(encode_predict(1, [text("x" * 1_000_000)] * 2))
        check_outcomes(_INPUTS, other.predict(_INPUTS).outcomes)


def ends_when_nobody_comes(subject: Subject) -> None:
    """Nobody comes within the orphan grace: code 0."""
    with subject.start("--orphan-grace-s", str(_GRACE_S)) as started:
        _require_end(started, "code 0", f"since nobody came for {_GRACE_S:g} s", START_TIMEOUT_S)


def ends_when_all_have_left(subject: Subject) -> None:
    """Goes on while a peer is there, ends when all have left."""
    with subject.start("--orphan-grace-s", str(_GRACE_S)) as started:
        with started.link() as link:
            until = time.monotonic() + 2 * _GRACE_S
            while time.monotonic() < until:
                check_outcomes(_INPUTS, link.predict(_INPUTS).outcomes)
                time.sleep(_GRACE_S / 10)
            if not started.process.alive:
                raise RemoteProtocolError("It has ended although a peer was there")
        _require_end(started, "code 0", f"since nobody was there for {_GRACE_S:g} s")


def silent_stranger_is_no_peer(subject: Subject) -> None:
    """A stranger who says nothing does not keep it alive."""
    with subject.start("--orphan-grace-s", str(_GRACE_S)) as started, started.dial():
        _require_end(started, "code 0", "since only a stranger was there, who said nothing", START_TIMEOUT_S)


def token_stays_secret(subject: Subject) -> None:
    """The token is not in its log."""
    with subject.start() as started:
        with started.link() as link:
            link.predict(_INPUTS)
        with started.dial() as link:
            link.send_frame(MessageType.HELLO, body=b'{"protocol": 1, "token": "wrong", "peer": "x"}')
            link.expect(MessageType.REJECT)
        if started.token[:32] in started.process.log or started.token[32:] in started.process.log:
            raise RemoteProtocolError("Its log holds a half of the token")


def _require_end(started: Started, expected: str, why: str, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
    try:
        ending = started.process.wait(timeout_s)
    except ClipperError as error:
        raise RemoteProtocolError(f"{error.message}; it should have ended {why}") from None
    if ending != expected:
        raise RemoteProtocolError(f"It ended with {ending}, expected {expected} {why}: {started.process.log[-300:]}")


CHECKS: tuple[Check, ...] = (
    listens_on_tcp,
    replaces_a_socket_left_behind,
    removes_its_socket,
    unusable_address,
    wrong_arguments,
    goodbye_ends_one_connection,
    vanished_peer_harms_nobody,
    terminates_when_idle,
    terminates_after_its_batch,
    ends_when_nobody_comes,
    ends_when_all_have_left,
    silent_stranger_is_no_peer,
    token_stays_secret,
)
