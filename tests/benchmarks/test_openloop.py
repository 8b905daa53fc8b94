"""The open-loop load: when requests are due, how latencies are counted, and the generator against a small server."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bodies import BINARY, JSON, Shot, json_bodies, raw_bodies, read_bodies, write_bodies, write_keys
from benchmarks.cases import RequestFormat
from benchmarks.openloop.replies import body_of, cut, kind_of
from benchmarks.openloop.run import in_turn, in_turn_for, open_loop
from benchmarks.openloop.schedule import Phase, poisson_arrivals
from benchmarks.openloop.trace import Trace, ideal_share, recovery_s
from clipper.cli.bench.outcome import Kind

ROWS = np.arange(32, dtype=np.float64).reshape(4, 8) / 32


def reply(default: bool, status: str = "200 OK", space: str = "") -> bytes:
    body = f'{{"query_id":7,"output":1.5,"default":{space}{str(default).lower()}}}'
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def trace(latencies_ms: Sequence[float], kinds: list[Kind] | None = None) -> Trace:
    due = np.arange(len(latencies_ms), dtype=np.float64) / 100
    answered = [Kind.ANSWERED] * len(latencies_ms)
    return Trace(due, due.copy(), due + np.array(latencies_ms, np.float64) / 1000, np.array(kinds or answered, np.int8))


def test_arrivals_are_a_poisson_process_in_each_phase() -> None:
    due = poisson_arrivals([Phase(1000, 20), Phase(4000, 5)], np.random.default_rng(3))
    first, second = due[due < 20], due[due >= 20]
    assert np.all(np.diff(due) >= 0)
    assert second.max() < 25
    assert len(first) == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert len(second) == pytest.approx(20_000, abs=4 * 20_000**0.5)
    gaps = np.diff(first)
    assert gaps.mean() == pytest.approx(1e-3, rel=0.05)
    assert gaps.std() == pytest.approx(1e-3, rel=0.05)  # of an exponential distribution: as large as its mean


def test_a_phase_without_load_is_empty() -> None:
    due = poisson_arrivals([Phase(0, 1), Phase(100, 1)], np.random.default_rng(0))
    assert due.min() >= 1


def test_latency_counts_from_when_a_request_was_due() -> None:
    due = np.array([0.0, 0.001])
    stalled = Trace(due, np.array([0.0, 0.1]), np.array([0.002, 0.103]), np.array([1, 1], np.int8))
    outcome = stalled.outcome(20, 0.002)
    assert (outcome.sent, outcome.good) == (2, 1)
    assert outcome.max_ms == pytest.approx(102)
    assert outcome.late_sends_p99_ms == pytest.approx(99)


def test_only_answers_of_a_model_inside_the_objective_are_good() -> None:
    kinds = [Kind.ANSWERED, Kind.ANSWERED, Kind.DEFAULT, Kind.ERROR, Kind.LOST]
    outcome = trace([5, 25, 3, 1, float("nan")], kinds).outcome(20, 1.0)
    assert (outcome.sent, outcome.answered, outcome.good, outcome.defaults, outcome.errors) == (5, 4, 1, 1, 2)
    assert outcome.default_p50_ms == pytest.approx(3)
    assert outcome.good_share == 0.2


def test_of_no_replies_there_are_no_quantiles() -> None:
    outcome = trace([float("nan")] * 3, [Kind.LOST] * 3).outcome(20, 1.0)
    assert np.isnan(outcome.p99_ms)
    assert outcome.good_share == 0.0


def test_windows_say_how_much_was_attained_in_each() -> None:
    windows = trace([5] * 10 + [50] * 5 + [5] * 5).windows(20, 0.1, 0.3)
    assert [(window.sent, window.attained) for window in windows[:2]] == [(10, 1.0), (10, 0.5)]
    assert np.isnan(windows[2].attained)


def test_ideal_server_answers_all_that_can_be_answered() -> None:
    evenly = np.arange(0.0, 1.0, 0.01)
    assert ideal_share(evenly, per_second=100.0, slo_ms=20.0) == 1.0
    assert ideal_share(evenly, per_second=50.0, slo_ms=21.0) == pytest.approx(0.5, abs=0.01)
    assert ideal_share(np.zeros(10), per_second=100.0, slo_ms=35.0) == 0.3
    assert ideal_share(evenly, per_second=40.0, slo_ms=20.0) == 0.0


def test_recovery_needs_the_second_that_follows() -> None:
    slow, fast = [50.0], [5.0]
    relapse = slow * 40 + fast * 20 + slow * 20 + fast * 220  # one request every 10 ms
    assert recovery_s(trace(relapse), 20, 0.0, 3.0) == pytest.approx(0.8)
    assert recovery_s(trace(slow * 300), 20, 0.0, 3.0) == float("inf")
    assert recovery_s(trace(fast * 300), 20, 1.0, 3.0) == 0.0


@pytest.mark.parametrize("space", ["", " "])
def test_replies_are_told_apart(space: str) -> None:
    replies = [reply(False), b"", reply(True, space=space), reply(True, "503 Busy")]
    packed = b"".join(len(each).to_bytes(4, "little") + each for each in replies)
    assert list(cut(packed)) == replies
    assert [kind_of(each) for each in replies] == [Kind.ANSWERED, Kind.LOST, Kind.DEFAULT, Kind.ERROR]
    assert json.loads(body_of(replies[0]))["output"] == 1.5


def test_bodies_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = [*json_bodies(ROWS, RequestFormat("/x")), *raw_bodies(ROWS), *raw_bodies(ROWS, different=False)]
    assert read_bodies(write_bodies(tmp_path / "bodies", made)) == made
    for body in made[:4]:
        digits = body.data[body.at : body.at + 8]
        assert digits == b"00000000"
        assert len(json.loads(body.data.replace(digits, b"12345678"))["input"]) == 8


class Echo(asyncio.Protocol):
    """Answers every request with what it brought, the longer the body the more slowly it comes in."""

    def __init__(self, seen: list[bytes]) -> None:
        self.seen = seen
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, _, body = self.data.partition(b"\r\n\r\n")
        if len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]):
            return
        self.seen.append(body)
        self.data = b""
        answer = b'{"default":false,"size":%d}' % len(body)
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer[:5])
        self.transport.write(answer[5:])
        if len(self.seen) % 50 == 0:
            self.transport.close()  # as servers do after so many requests: the generator dials again


@contextmanager
def echo(seen: list[bytes]) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: Echo(seen), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_generator_sends_what_it_is_given_and_says_what_came_back(tmp_path: Path) -> None:
    seen: list[bytes] = []
    shot = Shot("/x", JSON, write_bodies(tmp_path / "bodies", json_bodies(ROWS, RequestFormat("/x"))))
    with echo(seen) as port:
        found = open_loop(port, shot, [Phase(400, 0.5)], keep_replies=True)
    assert np.all(found.kind == Kind.ANSWERED)
    assert len(seen) == len(set(seen)) == len(found.due)
    assert all(json.loads(each)["size"] for each in found.replies)
    assert np.all(found.latency_ms > 0)
    assert np.all(found.left >= found.due)
    assert found.cpu_s < 0.5


def test_closed_loop_lasts_as_long_as_it_is_told_to_and_leaves_out_what_is_under_way(tmp_path: Path) -> None:
    seen: list[bytes] = []
    shot = Shot("/x", JSON, write_bodies(tmp_path / "bodies", json_bodies(ROWS, RequestFormat("/x"))))
    with echo(seen) as port:
        found = in_turn_for(port, shot, connections=4, seconds=0.3)
    answered = found.kind == Kind.ANSWERED
    closed_by_server = len(seen) // 50
    assert 0 <= len(found.kind) - answered.sum() <= closed_by_server
    assert answered.sum() <= len(seen) <= len(found.kind) + 4
    assert len(set(seen)) == len(seen)
    assert answered.any()
    assert np.all(found.left < 0.3)
    assert np.all(found.latency_ms[answered] > 0)


def test_generator_takes_keys_and_large_bodies_in_turn(tmp_path: Path) -> None:
    seen: list[bytes] = []
    bodies = write_bodies(tmp_path / "bodies", raw_bodies(np.zeros((2, 150_000), np.uint8)))
    keys = write_keys(tmp_path / "keys", [7, 3, 3])
    with echo(seen) as port:
        found = in_turn(port, Shot("/x", BINARY, bodies, keys), count=6, connections=1)
    assert np.all(found.kind == Kind.ANSWERED)
    assert [each[:8] for each in seen] == [b"00000007", b"00000003", b"00000003"] * 2
    assert {len(each) for each in seen} == {150_000}
