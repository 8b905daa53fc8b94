"""The demo's load generator tells the truth about a server that does not always answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, cycle

from clipper.cli.demo.load import Load, Pace, Tally, Target

EXAMPLES = [([1, 2], 3), ([3, 4], 7)]


class Answer:
    """What the fake answers to the n-th query: a JSON object, a status, or None: it closes the connection instead."""

    def __init__(self, choose: Callable[[int, list[int]], dict[str, object] | int | None]) -> None:
        self.choose = choose
        self.numbers = count()
        self.feedback: list[dict[str, int]] = []


@contextmanager
def fake_frontend(answer: Answer) -> Iterator[Target]:
    """An HTTP server that keeps connections alive."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # one packet for each answer

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/digits/update":
                answer.feedback.append(body)
                self._send(200, b"Feedback received? 1")
                return
            chosen = answer.choose(next(answer.numbers), body["input"])
            match chosen:
                case None:
                    self.close_connection = True
                case int():
                    self._send(chosen, b"{}")
                case dict():
                    self._send(200, json.dumps(chosen).encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Target("127.0.0.1", server.server_address[1], "digits")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(answer: Answer, queries: int, connections: int = 2, per_second: float | None = None) -> Tally:
    """The account of so many queries."""
    pace = Pace(connections=connections, per_second=per_second, limit=None if per_second else queries)
    with fake_frontend(answer) as target:
        load = Load(target, cycle(EXAMPLES), pace)
        load.start()
        while load.running and load.tally.sent < queries:
            threading.Event().wait(0.01)
        return load.stop()


def right(number: int, image: list[int]) -> dict[str, object]:
    return {"query_id": number, "output": sum(image), "default": False}


def test_load_counts_right_answers_and_sends_feedback() -> None:
    answer = Answer(right)
    tally = asked(answer, 50, connections=1)
    assert (tally.sent, tally.answered, tally.right, tally.defaults, tally.failed) == (50, 50, 50, 0, 0)
    assert {"query_id": 4, "label": 3} in answer.feedback


def test_load_counts_wrong_answers_defaults_and_errors_apart() -> None:
    wrong: dict[str, object] = {"query_id": 1, "output": 0, "default": False}
    default: dict[str, object] = {"query_id": 1, "output": -1, "default": True}
    kinds: Iterator[dict[str, object] | int] = cycle([wrong, default, 500])
    tally = asked(Answer(lambda number, image: next(kinds)), 30, connections=1)
    assert (tally.answered, tally.right, tally.defaults, tally.failed) == (30, 0, 10, 10)


def test_load_counts_a_query_whose_connection_breaks_as_unanswered() -> None:
    tally = asked(Answer(lambda number, image: None if number == 3 else right(number, image)), 20)
    assert tally.unanswered == tally.broken == 1
    assert tally.answered == tally.sent - 1


def test_load_with_a_rate_answers_everything_that_became_due() -> None:
    tally = asked(Answer(right), 100, connections=8, per_second=500.0)
    assert tally.sent >= 100
    assert tally.unanswered == 0
