"""Who may change something: whoever can read the token file in the home folder.

The token is made at the first start. Without one (`admin_auth` "none") the admin socket must be on loopback, and
requests that a browser made on behalf of some web page are refused.
"""

import hmac
import ipaddress
import logging
import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.management.disk import disk_errors

TOKEN_BYTES = 32

_log = logging.getLogger(__name__)


class Guard:
    """Decides whether a request may change something.

    Args:
        token: what it must carry, or None: anybody who reaches the socket may.
        token_file: where the token is kept, for messages.
    """

    def __init__(self, token: str | None, token_file: Path) -> None:
        self._token = token
        self._token_file = token_file

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises UNAUTHENTICATED without a token, PERMISSION_DENIED with a wrong one."""
        if self._token is None:
            if "origin" in headers:
                raise ClipperError(
                    ErrorCode.PERMISSION_DENIED,
                    "A web page may not change anything while admin_auth is 'none'; serve with admin_auth 'token'",
                )
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise ClipperError(
                ErrorCode.UNAUTHENTICATED,
                "A change needs the header 'Authorization: Bearer TOKEN'; "
                f"the token is in {self._token_file} on the server",
            )
        if not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            raise ClipperError(
                ErrorCode.PERMISSION_DENIED,
                f"The token is not this server's; the right one is in {self._token_file} on the server",
            )


def load_or_create_token(path: Path) -> str:
    """The token kept at `path`, made if there is none yet, readable by this user alone.

    Raises:
        ClipperError: STORE_FAILED or STORE_FULL if it can be neither read nor made, or holds no token.
    """
    with disk_errors(f"keep the token in {path}"):
        if not path.exists():
            _create(path)
        if path.stat().st_mode & 0o077:
            _log.warning("%s could be read by other users; that ends now, but they may know the token", path)
            path.chmod(0o600)
        token = path.read_text().strip()
    if not token.isascii() or len(token) < TOKEN_BYTES:
        raise ClipperError(ErrorCode.STORE_FAILED, f"{path} holds no token: delete it, and the next start makes one")
    return token


def require_loopback(sockets: Iterable[socket.socket]) -> None:
    """Raises INVALID_ARGUMENT if a socket can be reached from another machine."""
    for each in sockets:
        if each.family == socket.AF_UNIX:
            continue
        host = each.getsockname()[0]
        if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise invalid(
                f"Invalid admin_auth 'none': it needs an admin socket on 127.0.0.1, and this one is on {host}"
            )


def _create(path: Path) -> None:
    """Whole or not at all, and never over one that is there: clients hold on to a token."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(TOKEN_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
