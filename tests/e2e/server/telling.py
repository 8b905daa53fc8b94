"""Clients that tell a server of its queries' truth, and remember what it has acknowledged."""

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Self

from tests.e2e.server.serving import PATIENCE_S, Server, eventually

THREADS = 6
CONTEXTS = 40


@dataclass(frozen=True)
class Feedback:
    """One feedback; those of every other context have a key, and may be sent again."""

    number: int

    @property
    def has_key(self) -> bool:
        return self.number % CONTEXTS % 2 == 0

    @property
    def context(self) -> str:
        return f"user-{self.number % CONTEXTS}"

    @property
    def body(self) -> bytes:
        said = {"input": [self.number % 7, 1], "label": self.number % 7 + 1, "context": self.context}
        return json.dumps(said | ({"idempotency_key": f"feedback-{self.number}"} if self.has_key else {})).encode()


class Telling:
    """Sends feedback on several connections as long as `to` a server; every one is sent once, if not `again`.

    Attributes:
        sent, acknowledged: how often, by context.
        unknown: what was not acknowledged: it may have been counted or not.
    """

    def __init__(self, app: str) -> None:
        self.sent: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.unknown: list[Feedback] = []
        self._app = app
        self._number = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._port = 0

    def to(self, server: Server) -> Self:
        """Let a `with` statement send to this server."""
        self._port = int(server.address["query_port"])
        return self

    def __enter__(self) -> Self:
        self._stop.clear()
        self._threads = [threading.Thread(target=self._run, name="telling") for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int) -> None:
        """Wait for so many further acknowledgements."""
        wanted = self.acknowledged.total() + count
        eventually(lambda: self.acknowledged.total() >= wanted, "nothing more is acknowledged")

    def again(self) -> None:
        """Send what is unknown and has a key once more, and more than once."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        for feedback in [each for each in self.unknown if each.has_key]:
            for _ in range(2):
                assert self._is_acknowledged(connection, feedback)
            self.acknowledged[feedback.context] += 1
        connection.close()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        while not self._stop.is_set():
            with self._lock:
                self._number += 1
                feedback = Feedback(self._number)
                self.sent[feedback.context] += 1
            try:
                acknowledged = self._is_acknowledged(connection, feedback)
            except (OSError, http.client.HTTPException):
                acknowledged = False
                connection.close()
            with self._lock:
                if acknowledged:
                    self.acknowledged[feedback.context] += 1
                else:
                    self.unknown.append(feedback)
            if not acknowledged:
                self._stop.wait(0.01)  # nobody may be there for a while
        connection.close()

    def _is_acknowledged(self, connection: http.client.HTTPConnection, feedback: Feedback) -> bool:
        connection.request("POST", f"/{self._app}/update", feedback.body)
        with connection.getresponse() as response:
            response.read()
            return response.status == http.client.OK
