"""A peer that breaks the protocol, or stops in the middle, loses its own link; the others notice nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipper.container.peer import PEER_TIMEOUT_S
from clipper.container.runner import MAX_PEERS
from clipper.wire.frames import HEADER, MessageType, encode_frame
from clipper.wire.handshake import Reject
from clipper.wire.session import GoodbyeReceived
from tests import toy_models
from tests.container_client import ContainerProcess, running
from tests.toy_models import python_bundle
from tests.wire.arrays import TOKEN

PATIENCE_S = PEER_TIMEOUT_S + 10.0


@pytest.fixture
def container(tmp_path: Path) -> Iterator[ContainerProcess]:
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as started, started.link() as watcher:
        yield started
        assert watcher.predict([1.0, 2.0]) == [b"3.0"]  # linked before, during and after what the test did
        assert started.process.poll() is None


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        os.urandom(1000) + b"\xff" * 100,
        HEADER.pack(2**32 - 1, MessageType.HELLO, 0, 0, 0),
        encode_frame(MessageType.HELLO, 0, b"not json"),
        encode_frame(MessageType.HELLO, 0, b'{"protocol": 1, "token": "\\ud800", "peer": 7}'),
        encode_frame(MessageType.PREDICT, 1, b"before hello"),
        encode_frame(MessageType.GOODBYE, 1),
    ],
)
def test_stranger_who_talks_garbage_is_cut_off(container: ContainerProcess, junk: bytes) -> None:
    with container.dial() as stranger:
        stranger.connection.sendall(junk)
        assert stranger.is_closed()


@pytest.mark.parametrize(
    "junk",
    [
        b"\0" * 16,
        HEADER.pack(65 * 1024 * 1024, MessageType.PREDICT, 0, 0, 1),
        encode_frame(MessageType.PREDICT, 1, b"\1\0\0\0\3\0\1\0"),
        encode_frame(MessageType.RESULT, 1, bytes(16)),
        encode_frame(MessageType.HELLO, 0, b'{"protocol": 1, "token": "", "peer": "again"}'),
    ],
)
def test_peer_who_talks_garbage_is_cut_off(container: ContainerProcess, junk: bytes) -> None:
    with container.link() as peer:
        peer.connection.sendall(junk)
        assert peer.is_closed()


def test_token_with_half_a_surrogate_pair_is_just_wrong(container: ContainerProcess) -> None:
    with container.dial() as stranger:
        stranger.session.send_hello("", "x")
        body = b'{"protocol": 1, "token": "\\ud800", "peer": "x"}'
        stranger.connection.sendall(encode_frame(MessageType.HELLO, 0, body))
        reject = stranger.receive()
        assert isinstance(reject, Reject)
        assert reject.code == "token"


def test_other_protocol_version_is_rejected_by_name(container: ContainerProcess) -> None:
    with container.dial() as stranger:
        stranger.session.send_hello("", "x")
        body = b'{"protocol": 2, "token": "%s", "peer": "x"}' % TOKEN[:32].encode()
        stranger.connection.sendall(encode_frame(MessageType.HELLO, 0, body))
        assert stranger.receive() == Reject("protocol", "This container speaks protocol 1, not 2")
        assert stranger.is_closed()


def test_peer_who_says_goodbye_or_hangs_up_is_let_go(container: ContainerProcess) -> None:
    with container.link() as peer:
        peer.connection.sendall(peer.session.send_goodbye())
        assert peer.is_closed()
    with container.link() as peer:
        peer.send_doubles(1, [1.0, 2.0])
    with container.link() as peer:
        peer.connection.sendall(encode_frame(MessageType.PREDICT, 1, bytes(100))[:50])


def test_peer_who_stops_half_way_is_closed_after_a_while(container: ContainerProcess) -> None:
    """In its handshake, before it, or inside a frame: three peers at once, so that the wait is one."""
    start = time.monotonic()
    with container.dial() as silent, container.dial() as half_hello, container.link() as half_frame:
        half_hello.connection.sendall(encode_frame(MessageType.HELLO, 0, b"{}")[:5])
        half_frame.connection.sendall(encode_frame(MessageType.PREDICT, 1, bytes(100))[:50])
        for peer in (silent, half_hello, half_frame):
            peer.connection.settimeout(PATIENCE_S)
            assert peer.is_closed()
    assert time.monotonic() - start > PEER_TIMEOUT_S / 2


def test_idle_peer_is_not_in_the_middle_of_anything(container: ContainerProcess) -> None:
    """It is linked while another one is closed for keeping us waiting, and stays."""
    with container.link() as idle:
        with container.dial() as silent:
            silent.connection.settimeout(PATIENCE_S)
            assert silent.is_closed()
        assert idle.predict([1.0, 2.0]) == [b"3.0"]


def test_more_peers_than_the_limit_are_turned_away(container: ContainerProcess) -> None:
    strangers = [container.dial() for _ in range(MAX_PEERS + 5)]
    try:
        assert all(each.is_closed() for each in strangers[MAX_PEERS:])
    finally:
        for each in strangers:
            each.connection.close()


STOPPED_READER = """
import os, signal, sys
from pathlib import Path
from tests.container_client import ContainerProcess
client = ContainerProcess(None, Path(sys.argv[1]), None).link()
for number in range(8):
    client.send_doubles(number, *[[1.0, 2.0]] * 4)
print("sent", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_peer_who_is_stopped_loses_its_link_and_nobody_else_waits(tmp_path: Path) -> None:
    """It asked for 32 MB and reads nothing; meanwhile another peer is answered as ever."""
    root = Path(__file__).parents[3]
    with running(python_bundle(tmp_path / "a", toy_models.a_megabyte_each)) as container, container.link() as other:
        command = [sys.executable, "-c", STOPPED_READER, str(container.path)]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as stopped:
            try:
                assert stopped.stdout is not None
                assert stopped.stdout.readline() == b"sent\n"
                until = time.monotonic() + PATIENCE_S
                slowest_s = 0.0
                while "it kept us waiting" not in container.log:
                    assert time.monotonic() < until, container.log
                    start = time.monotonic()
                    assert len(other.predict([1.0, 2.0])) == 1
                    slowest_s = max(slowest_s, time.monotonic() - start)
                assert slowest_s < PEER_TIMEOUT_S / 2
            finally:
                stopped.send_signal(signal.SIGKILL)


def test_sigterm_does_not_wait_long_for_a_peer_that_does_not_read(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.a_megabyte_each)) as container, container.link() as deaf:
        deaf.send_doubles(1, *[[1.0, 2.0]] * 8)
        with container.link() as other:
            assert len(other.predict([1.0, 2.0])) == 1
            start = time.monotonic()
            container.process.send_signal(signal.SIGTERM)
            assert container.exit_code() == 0
            assert time.monotonic() - start < PEER_TIMEOUT_S
            assert other.receive() == GoodbyeReceived()
