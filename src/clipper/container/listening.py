"""The socket on which a container waits for its peers: `unix:/path` or `tcp:host:port`."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clipper.core.errors import invalid

BACKLOG = 64
"""Frontends that dial at once after a restart."""

SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked of the kernel, which may give less: a batch of 64 x 784 doubles is 0.4 MB and two should be under way."""

MAX_UNIX_PATH_BYTES = 107
"""What the kernel has room for."""


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """A non-blocking listening socket, closed (and its file removed) at the end.

    A unix socket is for this user only, and replaces one that an earlier process left behind.

    Raises INVALID_ARGUMENT for an address that is neither `unix:/path` nor `tcp:host:port`, OSError if it is taken.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "unix" and rest.startswith("/"):
        path = Path(rest)
        listener = _listen_unix(path)
        try:
            yield listener
        finally:
            listener.close()
            path.unlink(missing_ok=True)
    elif scheme == "tcp" and ":" in rest:
        with _listen_tcp(rest) as listener:
            yield listener
    else:
        raise invalid(f"Invalid address {address[:120]!r}: expected unix:/absolute/path or tcp:host:port")


def address_of(listener: socket.socket) -> str:
    """Where peers find `listener`, with the port it really has."""
    name = listener.getsockname()
    return f"unix:{name}" if listener.family == socket.AF_UNIX else f"tcp:{name[0]}:{name[1]}"


def enlarge_buffers(connection: socket.socket) -> None:
    """Room for whole batches, and no waiting for more to send."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _listen_unix(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > MAX_UNIX_PATH_BYTES:
        raise invalid(f"The socket path {path} is longer than {MAX_UNIX_PATH_BYTES} bytes: use a shorter folder")
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(old_mask)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _listen_tcp(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise invalid(f"Invalid address 'tcp:{address[:120]}': expected tcp:host:port")
    family, kind, protocol, _, name = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        enlarge_buffers(listener)
        listener.bind(name)
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
