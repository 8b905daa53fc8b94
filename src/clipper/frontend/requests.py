"""Bytes to HTTP/1 requests, without I/O.

`httptools` (llhttp) parses every head. A kept-alive client sends the same head over and over, and a head's meaning is a
function of its bytes alone, so parsed heads are remembered: most requests cost one dictionary lookup. A connection that
once sends a chunked body is read by `httptools` entirely from then on.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import httptools

from clipper.frontend.config import FrontendConfig

BINARY: Final = b"application/octet-stream"
HEAD_END: Final = b"\r\n\r\n"

MAX_REMEMBERED_HEADS: Final = 4096
MAX_REMEMBERED_HEAD_BYTES: Final = 1024
"""4 MB in all: more than the heads of all clients at a time, bounded against a client that varies them."""


class HttpError(Exception):
    """The request cannot be served, nor can any later one on its connection."""

    def __init__(self, status: HTTPStatus, cause: str) -> None:
        super().__init__(cause)
        self.status = status
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and its headers, reduced to what this server uses.

    Attributes:
        segments: the path between its slashes; a trailing slash makes no difference.
        application: whom `POST /{application}/predict` asks; empty for every other request.
        parameters: the query string, and for tensors the headers `clipper-dtype`, `clipper-shape`, `clipper-batch`.
        length: of the body in bytes; -1 if chunked.
        is_binary: the body is `application/octet-stream`.
    """

    method: bytes
    segments: tuple[str, ...]
    application: str
    parameters: dict[str, str]
    length: int
    keep_alive: bool
    expects_continue: bool
    is_binary: bool


class Request(NamedTuple):
    """One whole request."""

    head: Head
    body: bytes


class RequestReader:
    """Cuts one connection's bytes into requests.

    After an `HttpError` from `feed`, `completed` still holds what was whole before it.

    Attributes:
        partial_head: bytes of an unfinished head are waiting.
        partial_body: a head has come, its body not yet.
        continue_wanted: the client waits for `100 Continue` before it sends that body; reset by who sends it.
        head: of what `whole` has found.
    """

    def __init__(self, config: FrontendConfig, remembered: dict[bytes, Head]) -> None:
        self._config = config
        self._remembered = remembered
        self._rest = b""
        self._head: Head | None = None
        self._parts: list[bytes] = []
        self._missing = 0
        self._stream: _Stream | None = None
        self._busy = False
        self.completed: list[Request] = []
        self.continue_wanted = False
        self.head: Head
        self._head_block = b""
        self._whole_size = -1

    @property
    def partial_head(self) -> bool:
        """Whether a head has begun and not ended."""
        return bool(self._rest) or (self._stream is not None and self._stream.in_head)

    @property
    def partial_body(self) -> bool:
        """Whether a body has begun and not ended."""
        return self._head is not None or (self._stream is not None and self._stream.in_body)

    def whole(self, data: bytes) -> bytes | None:
        """The body, where a read is what nearly all are: exactly one request whose head is remembered, now `head`.

        None: `feed` has to look.
        """
        if self._busy:
            return None
        if len(data) != self._whole_size or not data.startswith(self._head_block):  # it is not the same head as before
            end = data.find(HEAD_END) + 4
            head = self._remembered.get(data[:end])
            if head is None or len(data) - end != head.length:
                return None
            self.head = head
            self._head_block = data[:end]
            self._whole_size = len(data)
        return data[len(self._head_block) :]

    def feed(self, data: bytes) -> list[Request]:
        """The requests that `data` completes. Raises HttpError (400, 413, 431, 501)."""
        completed: list[Request] = []
        self.completed = completed
        try:
            self._cut(data, completed)
        finally:
            self._busy = bool(self._rest) or self._head is not None or self._stream is not None
        return completed

    def close(self) -> None:
        """Nothing more will be fed."""
        if self._stream is not None:
            self._stream.close()

    def _cut(self, data: bytes, completed: list[Request]) -> None:
        if self._stream is not None:
            self._feed_stream(self._stream, data, completed)
            return
        if self._head is not None:
            data = self._continue_body(data)
        elif self._rest:
            data, self._rest = self._rest + data, b""
        start = 0
        while start < len(data):
            end = data.find(HEAD_END, start)
            if end < 0 or end - start > self._config.max_head_bytes:
                self._keep_partial_head(data[start:])
                break
            begin, start = start, end + 4
            head = self._parse(data[begin:start])
            if head.length < 0:
                self._stream = _Stream(self._config)
                self._feed_stream(self._stream, data[begin:], completed)
                break
            stop = start + head.length
            if stop > len(data):
                self._begin_body(head, data[start:])
                break
            completed.append(Request(head, data[start:stop]))
            start = stop

    def _feed_stream(self, stream: "_Stream", data: bytes, completed: list[Request]) -> None:
        stream.feed(data, completed)
        self.continue_wanted = stream.continue_wanted
        stream.continue_wanted = False

    def _keep_partial_head(self, rest: bytes) -> None:
        if len(rest) > self._config.max_head_bytes:
            raise _head_too_large(self._config)
        if b"\n\n" in rest:
            raise HttpError(HTTPStatus.BAD_REQUEST, "Malformed HTTP request: lines end with CR LF")
        self._rest = rest

    def _begin_body(self, head: Head, begun: bytes) -> None:
        self._head = head
        self._parts = [begun]
        self._missing = head.length - len(begun)
        self.continue_wanted = head.expects_continue and not begun

    def _continue_body(self, data: bytes) -> bytes:
        """Take what the body misses; returns what follows it."""
        head = self._head
        assert head is not None
        if len(data) < self._missing:
            self._parts.append(data)
            self._missing -= len(data)
            return b""
        self._parts.append(data[: self._missing])
        self.completed.append(Request(head, b"".join(self._parts)))
        rest = data[self._missing :]
        self._head, self._parts, self._missing = None, [], 0
        return rest

    def _parse(self, block: bytes) -> Head:
        head = self._remembered.get(block)
        if head is None:
            stream = _Stream(self._config)
            try:
                head = stream.feed_head(block)
            finally:
                stream.close()
            if len(block) <= MAX_REMEMBERED_HEAD_BYTES:
                if len(self._remembered) >= MAX_REMEMBERED_HEADS:
                    self._remembered.clear()
                self._remembered[block] = head
        if head.length > self._config.max_body_bytes:
            raise body_too_large(self._config)
        return head


def _head_too_large(config: FrontendConfig) -> HttpError:
    return HttpError(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"The request line and headers exceed {config.max_head_bytes} bytes",
    )


def body_too_large(config: FrontendConfig) -> HttpError:
    """413, naming the limit."""
    return HttpError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body exceeds the limit of {config.max_body_bytes} bytes"
    )


class _Stream:
    """`httptools` callbacks that assemble requests; one parser's life."""

    def __init__(self, config: FrontendConfig) -> None:
        self._config = config
        self._parser: Any = httptools.HttpRequestParser(self)
        self._silent_bytes = 0  # fed since the parser last reported anything: it holds them, or some of them
        self._completed: list[Request] = []
        self._error: HttpError | None = None
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._body = bytearray()  # a list of two-byte chunks would take twenty times their size
        self._head: Head | None = None
        self.in_head = False
        self.in_body = False
        self.continue_wanted = False

    def close(self) -> None:
        """Let go of what refers back to this: a frontend frees memory by reference counts alone."""
        self._parser = self._error = None

    def feed_head(self, block: bytes) -> Head:
        """The head that is exactly `block`. A client's offer to upgrade is ignored, as HTTP allows."""
        try:
            self._parser.feed_data(block)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            raise self._refusal(error) from None
        head = self._head
        if head is None or self._body or len(self._completed) > 1:
            raise HttpError(HTTPStatus.BAD_REQUEST, "The request line and headers are not one whole HTTP/1 head")
        self._completed = []
        return head

    def feed(self, data: bytes, completed: list[Request]) -> None:
        """Append the requests that `data` completes."""
        self._completed = completed
        self._silent_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise HttpError(HTTPStatus.NOT_IMPLEMENTED, "Upgrades and CONNECT are not supported") from None
        except httptools.HttpParserError as error:
            raise self._refusal(error) from None
        if self._silent_bytes > len(data) + self._config.max_head_bytes:
            raise _head_too_large(self._config)

    def _refusal(self, error: Exception) -> HttpError:
        return self._error or HttpError(HTTPStatus.BAD_REQUEST, f"Malformed HTTP request: {error}")

    def on_message_begin(self) -> None:
        self.in_head = True
        self._url = b""
        self._headers = {}
        self._head_bytes = 0
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)  # a colon, a space, a line's end
        name = name.lower()
        if name in self._headers and name == b"host":
            self._fail(HttpError(HTTPStatus.BAD_REQUEST, "More than one Host header"))
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        self.in_head, self.in_body = False, True
        try:
            self._head = self._build_head()
        except HttpError as error:
            self._fail(error)
        if self._head is not None:
            self.continue_wanted = self._head.expects_continue
            if self._head.length > self._config.max_body_bytes:
                self._fail(body_too_large(self._config))

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        self.continue_wanted = False
        if len(self._body) + len(body) > self._config.max_body_bytes:
            self._fail(body_too_large(self._config))
        self._body += body

    def on_message_complete(self) -> None:
        self._silent_bytes = 0
        self.in_body = self.continue_wanted = False
        assert self._head is not None
        self._completed.append(Request(self._head, bytes(self._body)))

    def _count_head(self, size: int) -> None:
        self._silent_bytes = 0
        self._head_bytes += size
        if self._head_bytes > self._config.max_head_bytes:
            self._fail(_head_too_large(self._config))

    def _fail(self, error: HttpError) -> None:
        self._error = error
        raise error

    def _build_head(self) -> Head:
        headers = self._headers
        try:
            url: Any = httptools.parse_url(self._url)  # its hints know nothing of the parts that are None
            path = (url.path or b"/").decode("ascii")
            parameters = dict(parse_qsl((url.query or b"").decode("ascii"), max_num_fields=32))
        except (httptools.HttpParserInvalidURLError, ValueError):
            raise HttpError(HTTPStatus.BAD_REQUEST, f"Malformed URL {self._url[:80]!r}") from None
        for name in ("dtype", "shape", "batch"):
            value = headers.get(b"clipper-" + name.encode())
            if value is not None:
                parameters.setdefault(name, value.decode("latin-1"))
        method = self._parser.get_method()
        segments = tuple(path.strip("/").split("/"))
        is_predict = method == b"POST" and len(segments) == 2 and segments[1] == "predict"
        return Head(
            method=method,
            segments=segments,
            application=segments[0] if is_predict else "",
            parameters=parameters,
            length=-1 if b"transfer-encoding" in headers else int(headers.get(b"content-length", b"0")),
            # an answer to HEAD must have no body; ours has one, so nothing may follow it
            keep_alive=self._parser.should_keep_alive() and method != b"HEAD",
            expects_continue=headers.get(b"expect", b"").lower() == b"100-continue",
            is_binary=headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == BINARY,
        )
