"""Clients that are slow, odd, hostile or gone: each gets its answer or its error, and nobody else notices."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fake_container import after, never
from tests.integration.frontend.behaviours import add_up, each
from tests.integration.frontend.client import TIMEOUT_S, Client, post
from tests.integration.frontend.stage import Served, Stage, eventually

IDLE_CONNECTIONS = 2000


@pytest.fixture(scope="module")
def sums(stage: Stage) -> Served:
    return stage.serve(add_up)


@pytest.fixture(autouse=True)
def frontend_is_as_before(stage: Stage, sums: Served) -> Iterator[None]:
    """After every test it still answers, and holds on to nothing that the test's clients had."""
    with stage.client() as client:
        client.predict(sums.name, {"input": [1]})
    eventually(lambda: no_connections(stage), "connections of an earlier test")
    before = stage.frontend.descriptors()
    yield
    with stage.client() as client:
        assert client.predict(sums.name, {"input": [1]}).json["output"] == 1
    eventually(lambda: stage.frontend.descriptors() <= before, "descriptors are left open")
    assert stage.frontend.process.poll() is None


def no_connections(stage: Stage) -> bool:
    """Whether no client's connection is established, by the kernel's own table."""
    with open("/proc/net/tcp") as table:  # noqa: PTH123
        here = f":{stage.port:04X}"
        return not any(line.split()[1].endswith(here) and line.split()[3] == "01" for line in table)


def chunked(path: str, *pieces: bytes) -> bytes:
    """One POST request whose body comes in these chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return f"POST {path} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


def test_connection_is_kept_alive(sums: Served, client: Client) -> None:
    for number in range(100):
        assert client.predict(sums.name, {"input": [number, 1]}).json["output"] == number + 1


def test_pipelined_requests_are_answered_in_order(stage: Stage, sums: Served, client: Client) -> None:
    slow = stage.serve(after(0.1, add_up))
    wanted = []
    sent = b""
    for number in range(300):
        app = slow if number % 50 == 0 else sums
        sent += post(f"/{app.name}/predict", {"input": [number, 2]})
        wanted.append(number + 2)
    client.send(sent)
    assert [client.read().json["output"] for _ in wanted] == wanted
    stage.withdraw(slow)


def test_pipelined_kinds_of_requests_are_answered_in_order(sums: Served, client: Client) -> None:
    path = f"/{sums.name}/predict"
    client.send(
        post(path, {"input": [1]})
        + post(path, b"{")
        + b"GET /health HTTP/1.1\r\n\r\n"
        + post("/nobody/predict", {"input": [1]})
        + chunked(path, b'{"inp', b'ut":[2]}')
        + post(path, {"input_batch": [[3], [4]]})
        + b"BREW / HTTP/1.1\r\n\r\n"
    )
    assert [client.read().status for _ in range(7)] == [200, 400, 200, 404, 200, 200, 400]
    assert client.ended()


def test_large_chunked_body_is_read(sums: Served, client: Client) -> None:
    body = json.dumps({"input": [1.5] * 100_000}).encode()
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)]
    client.send(chunked(f"/{sums.name}/predict", *pieces))
    assert client.read().json["output"] == 150_000


def test_client_that_waits_for_continue_is_told(sums: Served, client: Client) -> None:
    body = b'{"input":[1,2]}'
    head = f"POST /{sums.name}/predict HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n"
    client.send(head.encode())
    assert client.read().status == 100
    client.send(body)
    assert client.read().json["output"] == 3


@pytest.mark.parametrize(
    ("version", "connection"), [("1.0", ""), ("1.1", "connection: close\r\n"), ("1.1", "Connection: Close\r\n")]
)
def test_connection_closes_when_the_client_wants_it(
    sums: Served, client: Client, version: str, connection: str
) -> None:
    body = '{"input":[1]}'
    client.send(
        f"POST /{sums.name}/predict HTTP/{version}\r\n{connection}content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    response = client.read()
    assert (response.json["output"], response.headers["connection"]) == (1, "close")
    assert client.ended()


def test_half_closed_client_gets_its_answer(stage: Stage, client: Client) -> None:
    slow = stage.serve(after(0.1, add_up))
    client.send(post(f"/{slow.name}/predict", {"input": [1]}) * 2)
    client.socket.shutdown(socket.SHUT_WR)
    assert [client.read().json["output"] for _ in range(2)] == [1, 1]
    assert client.ended()
    stage.withdraw(slow)


def test_head_request_leaves_nothing_on_the_connection(client: Client) -> None:
    client.send(b"HEAD /metrics HTTP/1.1\r\n\r\n")
    response = client.read()
    assert response.headers["connection"] == "close"
    assert client.ended()


def test_announced_body_over_the_limit_is_refused_at_once(sums: Served, client: Client) -> None:
    client.send(f"POST /{sums.name}/predict HTTP/1.1\r\ncontent-length: 104857600\r\n\r\n".encode())
    response = client.read()
    assert (response.status, response.json["cause"]) == (413, "The body exceeds the limit of 1048576 bytes")
    assert response.headers["connection"] == "close"


def test_client_that_sends_100_megabytes_all_the_same_can_read_its_error(sums: Served, client: Client) -> None:
    client.send(f"POST /{sums.name}/predict HTTP/1.1\r\ncontent-length: 104857600\r\n\r\n".encode())
    piece = bytes(1 << 20)
    for _ in range(100):
        client.send(piece)
    assert client.read().status == 413
    assert client.ended()


def test_endless_chunked_body_is_refused(sums: Served, client: Client) -> None:
    client.send(f"POST /{sums.name}/predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    piece = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    for _ in range(20):
        client.send(piece)
    assert client.read().status == 413


def test_endless_head_is_refused(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 1000)
    response = client.read()
    assert (response.status, response.json["cause"]) == (431, "The request line and headers exceed 4096 bytes")
    assert client.ended()


@pytest.mark.parametrize(
    ("begun", "cause"),
    [
        (b"POST /a/predict HTTP/1.1\r\nhost:", "No whole request head in 0.5 s"),
        (b"POST /a/predict HTTP/1.1\r\ncontent-length: 9\r\n\r\n{", "No whole body in 1.0 s"),
        (b"POST /a/predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{", "No whole body in 1.0 s"),
    ],
)
def test_half_sent_request_is_timed_out(client: Client, begun: bytes, cause: str) -> None:
    began = time.monotonic()
    client.send(begun)
    response = client.read()
    assert (response.status, response.json["cause"]) == (408, cause)
    assert time.monotonic() - began < 5
    assert client.ended()


def test_thousands_of_slow_clients_do_not_slow_others_down(stage: Stage, sums: Served, client: Client) -> None:
    with contextlib.ExitStack() as idle:
        slow = [idle.enter_context(stage.client()) for _ in range(IDLE_CONNECTIONS)]
        for number, each_of_them in enumerate(slow):
            each_of_them.send((b"", b"POST /", post(f"/{sums.name}/predict", {"input": [number]})[:-3])[number % 3])
        took_s = []
        for number in range(200):
            began = time.monotonic()
            assert client.predict(sums.name, {"input": [number, number]}).json["default"] is False
            took_s.append(time.monotonic() - began)
        assert sorted(took_s)[100] < 0.02
        refused = [one.read().status for one in slow if slow.index(one) % 3]
    assert set(refused) == {408}


def test_client_over_the_limit_of_connections_is_told(stage: Stage, client: Client) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(3000):
            opened.enter_context(stage.client())
        with stage.client() as refused:
            response = refused.read()
            assert (response.status, response.json["cause"]) == (503, "Too many open connections")
            assert refused.ended()


def test_clients_that_leave_with_queries_in_flight_are_forgotten(stage: Stage) -> None:
    held = stage.serve(never, slo_ms=300)
    slow = stage.serve(after(0.05, add_up))
    for number in range(50):
        with stage.client() as client:
            client.send(post(f"/{held.name}/predict", {"input": [number]}) * 3)
            client.send(post(f"/{slow.name}/predict", {"input_batch": [[number, n] for n in range(20)]}))
            if number % 2:  # a reset, not an orderly end
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    with stage.client() as client:
        assert client.predict(slow.name, {"input": [1, 1]}).json["output"] == 2
        eventually(lambda: waiting(client) == 0, "evaluations are left in a queue")
    stage.withdraw(held)
    stage.withdraw(slow)


def test_queries_of_clients_that_leave_leave_the_queue_long_before_their_deadline(stage: Stage) -> None:
    held = stage.serve(never, slo_ms=600_000)
    with stage.client() as observer:
        with stage.client() as client, stage.client() as other:
            client.send(post(f"/{held.name}/predict", {"input": [1]}))
            eventually(lambda: held.batches >= 1, "nothing was sent")
            client.send(b"".join(post(f"/{held.name}/predict", {"input": [number]}) for number in range(20)))
            other.send(post(f"/{held.name}/predict", {"input_batch": [[2, number] for number in range(50)]}))
            eventually(lambda: waiting(observer) > 0, "nothing waits")
            for leaving in (client, other):  # after an orderly end they might still be reading
                leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        eventually(lambda: waiting(observer) == 0, "evaluations are left in a queue")
    stage.withdraw(held)


def waiting(client: Client) -> float:
    """How many evaluations wait in all queues."""
    lines = client.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("clipper_model_queue_length{"))


def test_client_that_never_reads_is_asked_no_more_and_others_are_served(
    stage: Stage, sums: Served, client: Client
) -> None:
    large = stage.serve(each(lambda _: "x" * 100_000))
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", stage.port))
        deaf.settimeout(0.5)
        request = post(f"/{large.name}/predict", {"input": [1]})
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 50_000_000:
                sent += deaf.send(request * 100)
        assert sent < 50_000_000  # it is no longer read from: what we buffer for it is bounded
        assert client.predict(sums.name, {"input": [1, 1]}).json["output"] == 2
    stage.withdraw(large)


def test_last_answer_to_a_client_that_never_reads_ends_with_the_client(stage: Stage) -> None:
    large = stage.serve(each(lambda _: "x" * 5_000_000))
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", stage.port))
        deaf.settimeout(TIMEOUT_S)
        deaf.sendall(post(f"/{large.name}/predict", {"input": [1]}, connection="close"))
        assert deaf.recv(10).startswith(b"HTTP/1.1 2")
    stage.withdraw(large)


def test_large_last_answer_is_read_to_its_end(stage: Stage, client: Client) -> None:
    large = stage.serve(each(lambda _: "x" * 5_000_000))
    response = client.predict(large.name, {"input": [1]}, connection="close")
    assert len(response.json["output"]) == 5_000_000
    assert client.ended()
    stage.withdraw(large)


HOSTILE = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=300),
        st.sampled_from(
            [
                b"POST /app1/predict HTTP/1.1\r\n",
                b"content-length: 5\r\n",
                b"content-length: 99999999999\r\n",
                b"transfer-encoding: chunked\r\n",
                b"connection: upgrade\r\nupgrade: websocket\r\n",
                b"expect: 100-continue\r\n",
                b"content-type: application/octet-stream\r\n",
                b"\r\n",
                b"\r\n\r\n",
                b"\n",
                b"0\r\n\r\n",
                b'{"input":[1]}',
                b"\x00" * 50,
                b"\x16\x03\x01",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ]
        ),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=HOSTILE)
def test_hostile_bytes_get_errors_and_an_end(stage: Stage, pieces: list[bytes]) -> None:
    with stage.client() as client:
        try:
            for piece in pieces:
                client.send(piece)
            client.socket.shutdown(socket.SHUT_WR)
            while True:
                assert client.read().status in (100, 200, 400, 404, 405, 413, 431, 501)
        except (EOFError, ConnectionResetError, BrokenPipeError):
            pass
    assert stage.frontend.process.poll() is None
