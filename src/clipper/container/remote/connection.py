"""One HTTP connection to another server, with bounded waits and sizes. Knows nothing of models."""

import http.client
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_RESPONSE_BYTES = 256 * 1024 * 1024
"""Of one batch's outputs; far more than any batch that is answered in time."""

PAUSE_S = 1.0
"""After a server did not answer at all: who asks within it fails at once, so that the inputs of a batch that failed,
which are tried one by one, do not each wait for it again."""

_CHUNK_BYTES = 1024 * 1024


class RemoteError(Exception):
    """The server did not answer, or answered what it should not have. The message names it."""


class Response(NamedTuple):
    """What a server answered. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """A kept-alive connection, made when it is needed and made again when the server has closed it.

    Args:
        url: scheme, host and port.
        timeout_s: the longest that one request may take, from connecting to the last byte of its response.
        clock: seconds, monotonic.
    """

    def __init__(self, url: str, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock
        self._paused_until = -float("inf")
        self._failure = ""

    def __del__(self) -> None:
        self._connection.close()  # nobody tells a model that its container ends

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        """Send a request and wait for its response. Raises RemoteError if there is none within `timeout_s`.

        It may be sent twice: a connection that was kept may turn out to be closed.
        """
        now = self._clock()
        if now < self._paused_until:
            raise RemoteError(self._failure)
        try:
            return self._request(method, path, body, headers or {}, now + self._timeout_s)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            why = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            self._failure = f"The server at {self._url} does not answer: {why}"
            self._paused_until = self._clock() + PAUSE_S
            raise RemoteError(self._failure) from error

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str], until: float) -> Response:
        was_open = self._connection.sock is not None
        try:
            return self._exchange(method, path, body, headers, until)
        except (ConnectionError, http.client.RemoteDisconnected):
            self._connection.close()
            if not was_open:
                raise
        return self._exchange(method, path, body, headers, until)

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str], until: float) -> Response:
        self._wait_until(until)
        if self._connection.sock is None:
            self._connection.connect()
            self._wait_until(until)
        self._connection.request(method, path, body, dict(headers))
        response = self._connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, found, self._read(response, until))

    def _read(self, response: http.client.HTTPResponse, until: float) -> bytes:
        parts, size = [], 0
        while chunk := response.read1(_CHUNK_BYTES):
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                self._connection.close()
                raise RemoteError(f"The server at {self._url} answered more than {MAX_RESPONSE_BYTES} bytes")
            self._wait_until(until)
        response.close()  # of the response alone; `read1` does not know that it was the last
        return b"".join(parts)

    def _wait_until(self, until: float) -> None:
        """Let the next wait for the socket end by then."""
        left_s = until - self._clock()
        if left_s <= 0:
            raise TimeoutError
        self._connection.timeout = left_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(left_s)
