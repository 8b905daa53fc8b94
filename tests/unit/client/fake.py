"""A server that answers what a test tells it to, and remembers what it was asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """One response; `lines` are sent one by one, as a stream."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    lines: list[bytes] | None = None


@dataclass
class FakePlane:
    """Either plane of a server.

    Attributes:
        answers: what each path answers: an answer, or a function of the request.
        asked: every request so far.
    """

    url: str
    answers: dict[str, Answer | Callable[[Asked], Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def says(self, path: str, value: object, status: int = 200) -> None:
        """Let `path` answer a JSON value."""
        self.answers[path] = Answer(json.dumps(value).encode(), status)

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        found = self.answers.get(asked.path, Answer(b"no such path", 404, "text/plain"))
        return found if isinstance(found, Answer) else found(asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of a test's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plane: FakePlane

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.plane.answer(Asked(self.command, url.path, query, headers, body))
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.lines is None:
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in answer.lines:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_plane() -> Iterator[FakePlane]:
    """A fake that answers on a free port of this machine within the block."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        Handler.plane = FakePlane(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Handler.plane
        finally:
            server.shutdown()
            thread.join()
