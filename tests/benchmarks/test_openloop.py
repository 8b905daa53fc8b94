"""The open-loop generator: what it sends, and how it counts what comes back."""

import json

import pytest

from benchmarks.openloop import Connection, OpenLoop, Plan, requests

PLAN = Plan(port=1, path="/app/predict", rate=1000.0, seconds=0.02, slo_ms=20.0)


def reply(default: bool, status: str = "200 OK", space: str = "") -> bytes:
    body = f'{{"query_id":7,"output":1.5,"default":{space}{str(default).lower()}}}'
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_requests_are_whole_and_all_different() -> None:
    made = requests(PLAN, 10_000)
    assert len(set(made)) == 10_000
    for each in made[:3] + made[-3:]:
        head, _, body = each.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert len(json.loads(body)["input"]) == 8


@pytest.mark.parametrize("space", ["", " "])
def test_replies_are_counted_once_wherever_the_network_cuts_them(space: str) -> None:
    data = reply(False) + reply(True, space=space) + reply(False, "503 Busy") + reply(True, space=space) + reply(False)
    for size in range(1, len(data) + 1):
        connection = Connection(OpenLoop(PLAN))
        connection.load.next = len(connection.load.due)  # nothing left to send
        for start in range(0, len(data), size):
            connection.data_received(data[start : start + size])
        assert (sum(connection.counts), connection.defaults, connection.errors) == (5, 2, 1), size
