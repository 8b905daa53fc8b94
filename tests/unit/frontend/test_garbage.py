"""A frontend frees memory by reference counts alone: what its clients do leaves no cycles behind."""

import gc
from collections.abc import Iterator

import pytest

from tests.unit.frontend.wiring import Wiring

HEAD = b"POST /a/predict HTTP/1.1\r\nhost: x\r\nx-trace: %d\r\ncontent-length: 2\r\n\r\n"
CHUNKED = b"POST /a/predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "sent",
    [
        [HEAD % 1 + b"{}", HEAD % 2 + b"{}"],
        [HEAD % 1 + b"{}" + HEAD % 1 + b"{}"],
        [HEAD % 1, b"{", b"}"],
        [CHUNKED, CHUNKED],
        [CHUNKED[:-8]],
        [HEAD % 1],
        [b"POST /a/pre"],
        [b"NONSENSE\r\n\r\n"],
        [HEAD % 1 + b"{}NONSENSE\r\n\r\n"],
        [CHUNKED + b"NONSENSE\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000],
        [b"POST /a/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n"],
        [b"POST /a/predict HTTP/1.1\r\nhost: x\r\nhost: y\r\ncontent-length: 2\r\n\r\n{}"],
    ],
)
def test_connection_leaves_no_cycles(sent: list[bytes]) -> None:
    wiring = Wiring()
    connection, _ = wiring.connect()
    for data in sent:
        connection.data_received(data)
    for number in range(len(wiring.handler.exchanges)):
        wiring.handler.answer(number)
    connection.connection_lost(None)
    del connection
    assert gc.collect() == 0
