"""HTTP to one plane of a server: requests, bounded retries, and every answer that is no success as a `ClipperError`.

Retried is only what cannot have reached the server: a connection that was refused.
"""

from collections.abc import Generator, Mapping
from math import isfinite
from typing import IO, Any
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
)

from clipper.core.errors import ClipperError, ErrorCode, invalid

CONNECT_TIMEOUT_S = 5.0
"""A server that is there accepts within a round trip; this is for one that is not."""

READ_TIMEOUT_S = 30.0
"""For an answer to a call that does no long work."""

CONNECT_RETRIES = 3
"""Covers a controller that is being restarted, in about a third of a second."""

PIECE_BYTES = 1024 * 1024
"""Of a long answer, kept at a time."""

MAX_CONNECTIONS = 32
"""Kept open to one plane; threads beyond that open their own."""

LONG_TIMEOUT_S = 600.0
"""For changes that end when processes have started or stopped; the server bounds those, this is for one that hangs."""

CODE_HEADER = "clipper-error"
"""Carries the error code where the body is a text for people."""

CODE_OF_STATUS = {
    400: ErrorCode.INVALID_ARGUMENT,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.PERMISSION_DENIED,
    404: ErrorCode.NOT_FOUND,
    408: ErrorCode.TIMEOUT,
    409: ErrorCode.CONFLICT,
    413: ErrorCode.TOO_LARGE,
    422: ErrorCode.INVALID_ARGUMENT,
    429: ErrorCode.OVERLOADED,
    503: ErrorCode.UNAVAILABLE,
    504: ErrorCode.TIMEOUT,
}
"""What a status means when the body does not name a code; every other one is INTERNAL."""


class Transport:
    """Requests to one plane; may be shared by threads. Owns its connections: `close()` closes them.

    Args:
        base_url: such as `http://127.0.0.1:1338`; None if nobody knows it, so that every request is refused.
        plane: what answers there, for error messages.
        token: shown with every request.
    """

    def __init__(self, base_url: str | None, plane: str, token: str | None = None) -> None:
        self.base_url = (base_url or "").rstrip("/")
        self._plane = plane
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(
            maxsize=MAX_CONNECTIONS,
            retries=urllib3.Retry(
                total=None, connect=CONNECT_RETRIES, read=0, redirect=0, status=0, other=0, backoff_factor=0.05
            ),
        )

    def get(self, path: str, timeout_s: float = READ_TIMEOUT_S) -> Any:
        """The answer to a GET: a JSON value, or text."""
        return self._call("GET", path, None, {}, timeout_s)

    def post(self, path: str, body: object, timeout_s: float = READ_TIMEOUT_S) -> Any:
        """The answer to a POST of `body` as JSON: a JSON value, or text."""
        return self._call("POST", path, to_json(body), {"Content-Type": "application/json"}, timeout_s)

    def post_bytes(self, path: str, body: bytes, query: Mapping[str, object]) -> Any:
        """The answer to a POST of raw bytes, `query` in the query string."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._call("POST", f"{path}?{urlencode(query)}", body, headers, READ_TIMEOUT_S)

    def upload(
        self, path: str, body: IO[bytes], size_bytes: int, query: Mapping[str, object], timeout_s: float
    ) -> Generator[Any]:
        """POST a file and yield each line of the answer as JSON, as it comes; `timeout_s` is for each line."""
        headers = {
            "Content-Type": "application/gzip",
            "Content-Length": str(size_bytes),
            "Accept": "application/x-ndjson",
        }
        response = self._send("POST", f"{path}?{urlencode(query)}", body, headers, timeout_s)
        try:
            for line in response:
                if line.strip():
                    yield self._decode(line)
        except HTTPError as error:
            raise self._failure(error, timeout_s) from error
        finally:
            response.close()  # its end may not have been read, so the connection is of no further use

    def download(self, path: str, body: object, timeout_s: float) -> Generator[bytes]:
        """POST `body` as JSON and yield the answer in pieces, as it comes; `timeout_s` is for each."""
        response = self._send("POST", path, to_json(body), {"Content-Type": "application/json"}, timeout_s)
        try:
            yield from response.stream(PIECE_BYTES)
        except HTTPError as error:
            raise self._failure(error, timeout_s) from error
        finally:
            response.close()

    def close(self) -> None:
        """Close every connection; `PoolManager.clear` alone leaves them to the garbage collector."""
        for key in self._pool.pools.keys():  # noqa: SIM118 (the container refuses to be iterated)
            self._pool.pools[key].close()
        self._pool.clear()

    def _call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float) -> Any:
        response = self._send(method, path, body, headers, timeout_s)
        try:
            content = response.read()
        except HTTPError as error:
            raise self._failure(error, timeout_s) from error
        finally:
            response.release_conn()
        if "json" in response.headers.get("Content-Type", ""):
            return self._decode(content)
        return content.decode("utf-8", "replace")

    def _send(
        self, method: str, path: str, body: bytes | IO[bytes] | None, headers: Mapping[str, str], timeout_s: float
    ) -> urllib3.BaseHTTPResponse:
        """A response whose status is a success, its body not yet read."""
        if not self.base_url:
            raise invalid(f"The address of the {self._plane} is not known: name it in connect()")
        if not self.base_url.startswith(("http://", "https://")):
            raise self._invalid_address()
        try:
            response = self._pool.request(
                method,
                self.base_url + path,
                body=body,
                headers={**self._headers, **headers},
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s),
                preload_content=False,
                redirect=False,
            )
            if 200 <= response.status < 300:
                return response
            content = response.read()
        except HTTPError as error:
            raise self._failure(error, timeout_s) from error
        response.release_conn()
        raise error_from(response.status, content, response.headers.get(CODE_HEADER, ""))

    def _decode(self, content: bytes) -> Any:
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise ClipperError(
                ErrorCode.PROTOCOL, f"The {self._plane} at {self.base_url} answered something that is not JSON: {error}"
            ) from None

    def _failure(self, error: HTTPError, timeout_s: float) -> ClipperError:
        """What a failure of the connection means for the caller."""
        where = f"the {self._plane} at {self.base_url}"
        reason = error.reason if isinstance(error, MaxRetryError) else error
        if isinstance(reason, LocationParseError):
            return self._invalid_address()
        if isinstance(reason, NewConnectionError):
            return ClipperError(
                ErrorCode.UNAVAILABLE,
                f"Cannot reach {where}: it does not accept connections. Is it running? `clipper serve` starts one",
            )
        if isinstance(reason, ReadTimeoutError):
            return ClipperError(ErrorCode.TIMEOUT, f"No answer from {where} within {timeout_s:g} s")
        return ClipperError(ErrorCode.UNAVAILABLE, f"The connection to {where} broke: {reason}")

    def _invalid_address(self) -> ClipperError:
        return invalid(f"Invalid address {self.base_url!r} of the {self._plane}: expected http://host:port")


def to_json(value: object) -> bytes:
    """JSON text; bytes become base64, NumPy values become numbers and lists. Raises INVALID_ARGUMENT for NaN too."""
    try:
        text = msgspec.json.encode(value, enc_hook=_plain)
        if b"null" in text:  # what NaN and infinity have become, if there were any
            _refuse_unbounded(value)
        return text
    except (TypeError, NotImplementedError, RecursionError, UnicodeEncodeError, OverflowError) as error:
        raise invalid(f"Cannot be sent as JSON: {error}") from None


def error_from(status: int, content: bytes, code_name: str = "") -> ClipperError:
    """The error that an answer with a failure status carries, in any of the forms the two planes use.

    Args:
        status: of the answer.
        content: its body: `{"error", "cause", "detail"}`, or a line of text and perhaps a traceback below it.
        code_name: what its `clipper-error` header says.
    """
    code = _code(code_name, CODE_OF_STATUS.get(status, ErrorCode.INTERNAL))
    text = content.decode("utf-8", "replace").strip()
    try:
        fields = msgspec.json.decode(content)
    except msgspec.DecodeError:
        fields = None
    if isinstance(fields, dict) and "cause" in fields:
        return error_from_fields(fields, code)
    message, _, detail = text.partition("\n")
    return remote_error(code, message or f"The server answered with status {status} and no message", detail)


def error_from_fields(fields: Mapping[str, Any], code: ErrorCode = ErrorCode.INTERNAL) -> ClipperError:
    """The error of `{"error", "cause", "detail"}`; `code` counts where "error" is a title and not a code."""
    title = str(fields.get("error", ""))
    return remote_error(_code(title, code), str(fields.get("cause", title)), str(fields.get("detail") or ""))


def given(**fields: object) -> dict[str, object]:
    """The fields that are not None: what a request says, so that the rest is the server's default."""
    return {name: value for name, value in fields.items() if value is not None}


def remote_error(code: ErrorCode, message: str, detail: str) -> ClipperError:
    """An error of another process; what that wrote is a note, so that Python shows it below our own traceback."""
    error = ClipperError(code, message, detail)
    if detail:
        error.add_note(detail)
    return error


def _code(name: str, otherwise: ErrorCode) -> ErrorCode:
    return ErrorCode(name) if name in set(ErrorCode) else otherwise


def _plain(value: object) -> object:
    tolist = getattr(value, "tolist", None)
    if tolist is None:
        raise TypeError(f"{type(value).__name__} is not a number, text, bytes, list or dictionary")
    return tolist()


def _refuse_unbounded(value: object) -> None:
    """Raises TypeError for NaN and infinity, wherever they are."""
    match value:
        case float() if not isfinite(value):
            raise TypeError(f"{value} is not a number that JSON has")
        case dict():
            _refuse_unbounded(list(value.values()))
        case list() | tuple():
            for each in value:
                _refuse_unbounded(each)
        case _ if hasattr(value, "tolist"):
            _refuse_unbounded(value.tolist())
