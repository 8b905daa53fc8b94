"""Where a running Clipper answers, and the token that operators show it: read from its home folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from clipper.core.errors import ClipperError, ErrorCode

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 (we dial it, we do not bind it)
"""Where to dial a server that listens on every interface."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to reach one Clipper.

    Attributes:
        query_url: the query frontends, or None if the caller named only the other.
        admin_url: the controller, or None if the caller named only the other.
        token: what changes must be accompanied by; None if there is none to be read.
        home: the folder these were read from; None if the caller named the URLs.
        pid: the server's root process; 0 if not known.
    """

    query_url: str | None
    admin_url: str | None
    token: str | None = field(default=None, repr=False)
    home: Path | None = None
    pid: int = 0


class ServerFile(msgspec.Struct):
    """What a server writes to `<home>/run/server.json` once it is ready."""

    pid: int
    host: str
    query_port: int
    admin_port: int


def server_file(home: Path) -> Path:
    """The file in which a running server says where it answers."""
    return home / "run" / "server.json"


def find(home: Path) -> Addresses:
    """The addresses of the server that runs on `home`.

    Raises:
        ClipperError: UNAVAILABLE if none runs there; the message says what to start.
    """
    path = server_file(home)
    try:
        server = msgspec.json.decode(path.read_bytes(), type=ServerFile)
    except (FileNotFoundError, NotADirectoryError):
        raise _not_running(home, "no server has written run/server.json there") from None
    except OSError as error:
        raise ClipperError(ErrorCode.PERMISSION_DENIED, f"Cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ClipperError(ErrorCode.PROTOCOL, f"{path} is not what a server writes: {error}") from None
    if not _is_alive(server.pid):
        raise _not_running(home, f"its process {server.pid} has ended")
    host = ANY_ADDRESS.get(server.host, server.host)
    return Addresses(
        query_url=url(host, server.query_port),
        admin_url=url(host, server.admin_port),
        token=read_token(home),
        home=home,
        pid=server.pid,
    )


def read_token(home: Path) -> str | None:
    """The token of the server on `home`; None if there is none or this user may not read it."""
    try:
        return (home / "token").read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def url(host: str, port: int) -> str:
    """`http://host:port`, an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _not_running(home: Path, why: str) -> ClipperError:
    return ClipperError(
        ErrorCode.UNAVAILABLE,
        f"No Clipper is running on {home}: {why}. Start one with `clipper serve --home {home}`, "
        "or name another folder with --home or CLIPPER_HOME",
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
