"""What a peer offers as shared memory is taken only if it is as it should be, and never brings a container down."""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipper.core.inputs import DType, Input
from clipper.wire.batches import encode_predict_in_arena
from clipper.wire.frames import MessageType, encode_frame
from clipper.wire.handshake import Welcome, dialer_half
from tests import toy_models
from tests.container_client import ContainerClient, ContainerProcess, running
from tests.toy_models import python_bundle
from tests.wire.arrays import TOKEN

SIZE = 64 * 1024
ROW = struct.pack("<2d", 1.0, 2.0)
PLACEHOLDER = Input(DType.FLOAT64, (2,), b"")
"""An input whose bytes lie in the arena."""


@pytest.fixture
def container(tmp_path: Path) -> Iterator[ContainerProcess]:
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as started, started.link() as watcher:
        before = started.open_files
        yield started
        assert watcher.predict([1.0, 2.0]) == [b"3.0"]
        started.wait_for_open_files(before)


def memory(size: int = SIZE, seals: int = fcntl.F_SEAL_SHRINK) -> int:
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    os.pwrite(descriptor, ROW, size - len(ROW))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def offer(client: ContainerClient, descriptors: list[int], size: int = SIZE, token: str = TOKEN) -> bool:
    """Say hello with these descriptors, which are then closed here; whether the container took one."""
    hello = client.session.send_hello(dialer_half(token), "test", size)
    socket.send_fds(client.connection, [hello], descriptors)
    for each in descriptors:
        os.close(each)
    welcome = client.receive()
    assert isinstance(welcome, Welcome)
    return welcome.arena


def test_rows_are_read_where_they_lie(container: ContainerProcess) -> None:
    with container.dial() as client:
        assert offer(client, [memory()])
        for batch_id in range(3):
            client.connection.sendall(encode_predict_in_arena(batch_id, [PLACEHOLDER], SIZE - len(ROW)))
            assert client.outcomes() == [b"3.0"]
            assert client.predict([1.0, 3.0]) == [b"4.0"]


@pytest.mark.parametrize("seals", [0, fcntl.F_SEAL_GROW])
def test_memory_that_could_shrink_is_not_taken(container: ContainerProcess, seals: int) -> None:
    with container.dial() as client:
        assert not offer(client, [memory(seals=seals)])
        assert client.predict([1.0, 2.0]) == [b"3.0"]


@pytest.mark.parametrize("size", [0, SIZE + 1, 2**30])
def test_memory_of_another_size_is_not_taken(container: ContainerProcess, size: int) -> None:
    with container.dial() as client:
        assert not offer(client, [memory()], size)
        assert client.predict([1.0, 2.0]) == [b"3.0"]


def test_what_is_no_memory_is_not_taken(container: ContainerProcess, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(SIZE))
    for descriptor in (os.open(tmp_path / "file", os.O_RDONLY), os.open("/dev/zero", os.O_RDONLY), os.pipe()[0]):
        with container.dial() as client:
            assert not offer(client, [descriptor])
            assert client.predict([1.0, 2.0]) == [b"3.0"]


def test_offer_without_memory_is_not_taken(container: ContainerProcess) -> None:
    with container.dial() as client:
        assert not offer(client, [])
        assert client.predict([1.0, 2.0]) == [b"3.0"]


def test_one_descriptor_is_kept_of_many(container: ContainerProcess) -> None:
    before = container.open_files
    with container.dial() as client:
        hello = client.session.send_hello(dialer_half(TOKEN), "test", SIZE)
        for byte in hello[:20]:
            many = [memory() for _ in range(5)]
            socket.send_fds(client.connection, [bytes([byte])], many)
            for each in many:
                os.close(each)
        container.wait_for_open_files(before + 2)
        client.connection.sendall(hello[20:])
        assert isinstance(client.receive(), Welcome)


def test_stranger_leaves_no_descriptor(container: ContainerProcess) -> None:
    with container.dial() as client:
        descriptor = memory()
        socket.send_fds(client.connection, [client.session.send_hello("wrong", "test", SIZE)], [descriptor])
        os.close(descriptor)
        assert client.is_closed()


@pytest.mark.parametrize("offset", [SIZE - 8, SIZE, 2**64 - 16, 4])
def test_rows_outside_end_the_link(container: ContainerProcess, offset: int) -> None:
    with container.dial() as client:
        assert offer(client, [memory()])
        client.connection.sendall(encode_predict_in_arena(1, [PLACEHOLDER], offset))
        assert client.is_closed()


def test_rows_in_an_arena_that_was_not_taken_end_the_link(container: ContainerProcess) -> None:
    with container.link() as client:
        client.connection.sendall(encode_predict_in_arena(1, [PLACEHOLDER], 0))
        assert client.is_closed()


def test_memory_that_was_taken_cannot_shrink(container: ContainerProcess) -> None:
    descriptor = memory(seals=fcntl.F_SEAL_SHRINK)
    kept = os.dup(descriptor)
    with container.dial() as client:
        assert offer(client, [descriptor])
        with pytest.raises(PermissionError):
            os.ftruncate(kept, 0)
        client.connection.sendall(encode_predict_in_arena(1, [Input(DType.FLOAT64, (SIZE // 8,), b"")], 0))
        assert client.outcomes() == [b"3.0"]
    os.close(kept)


def test_garbage_after_an_offer_ends_the_link(container: ContainerProcess) -> None:
    with container.dial() as client:
        assert offer(client, [memory()])
        client.connection.sendall(encode_frame(MessageType.PREDICT, 1, os.urandom(100)))
        assert client.is_closed()
