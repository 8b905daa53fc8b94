"""The listening sockets of a server, all made by the root process and inherited by the others.

Since the root keeps them open, connections wait in their backlog while a killed frontend or controller is replaced.
"""

import errno
import socket

from clipper.core.errors import ClipperError, ErrorCode


def listen_admin(host: str, port: int) -> socket.socket:
    """The admin socket. Raises UNAVAILABLE if the port is taken."""
    return _bind(host, port, "--admin-port", shared=False)


def listen_queries(host: str, port: int, frontends: int) -> list[socket.socket]:
    """One socket for each frontend, all on one port; the kernel spreads new connections over them.

    Raises UNAVAILABLE if the port is taken, also by another server that would share it.
    """
    probe = _bind(host, port, "--query-port", shared=False)
    port = probe.getsockname()[1]
    probe.close()
    return [_bind(host, port, "--query-port", shared=True) for _ in range(frontends)]


def _bind(host: str, port: int, flag: str, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(socket.SOMAXCONN)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ClipperError(
                ErrorCode.UNAVAILABLE, f"Port {port} on {host} is taken: stop what listens there, or choose {flag}"
            ) from None
        raise ClipperError(ErrorCode.UNAVAILABLE, f"Cannot listen on {host}:{port}: {error.strerror}") from None
    return listener
