"""An HTTP client that can misbehave: requests as objects, or any bytes at any time."""

import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Response:
    """One response as it was read."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> Response:
        """The next response."""
        head = self._until(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        body = self._exactly(int(headers.get("content-length", "0")))
        return Response(int(line.split()[1]), headers, body)

    def ended(self) -> bool:
        """Wait until the server closes; True if it has said nothing more."""
        try:
            return not self._rest and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def post(self, path: str, body: object, **headers: str) -> Response:
        """Send one request, bytes as they are and everything else as JSON, and read its response."""
        self.send(post(path, body, **headers))
        return self.read()

    def predict(self, application: str, body: object, **headers: str) -> Response:
        return self.post(f"/{application}/predict", body, **headers)

    def get(self, path: str) -> Response:
        self.send(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
        return self.read()

    def _until(self, end: bytes) -> bytes:
        while end not in self._rest:
            self._more()
        found, _, self._rest = self._rest.partition(end)
        return found

    def _exactly(self, length: int) -> bytes:
        while len(self._rest) < length:
            self._more()
        found, self._rest = self._rest[:length], self._rest[length:]
        return found

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(f"closed after {self._rest!r}")
        self._rest += data


def post(path: str, body: object, **headers: str) -> bytes:
    """One POST request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nhost: test\r\n{fields}content-length: {len(content)}\r\n\r\n".encode() + content
