"""The knobs of the stores, each with its reason."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from clipper.core.errors import invalid

SCHEMES = ("redis", "rediss", "unix")
"""Redis over TCP, over TLS, and over a unix socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Where selection states are kept, and how large the stores and their queues may grow.

    Attributes:
        url: a Redis server for selection states, such as redis://host:6379/0; several servers that name the same
            one learn together. Empty: they are in the home folder, as everything else always is.
        timeout_s: how long Redis may take to answer before feedback is refused. Disks have been seen to stall for
            a second; queries do not wait for it.
        map_size_bytes: the most the embedded store may hold. It is reserved as address space, not as disk or
            memory, so it is generous; every process that opens one store should use the same.
        group_limit: the most transactions in one durable commit. 256 have reached the full throughput of the
            disks measured; larger groups wait longer and hold the interpreter longer.
        queue_limit: the most transactions accepted and not yet durable: 16 full groups. Beyond that a caller
            is better told to come back.
        queue_limit_bytes: the same bound in memory. A transaction larger than this is refused for good.
    """

    url: str = ""
    timeout_s: float = 2.0
    map_size_bytes: int = 16 * 1024**3
    group_limit: int = 256
    queue_limit: int = 4096
    queue_limit_bytes: int = 64 * 1024**2

    def __post_init__(self) -> None:
        if self.url:
            _check(self.url)
        if not self.timeout_s > 0.0:
            raise invalid(f"Invalid store.timeout_s {self.timeout_s:g}: expected more than 0 seconds")


def shown(url: str) -> str:
    """Return `url` without its password, for people to read."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}").geturl()


def _check(url: str) -> None:
    expected = "expected one such as redis://host:6379/0, rediss://user:password@host:6379/0 or unix:///path?db=0"
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        raise invalid(f"Invalid store.url: {expected}") from None
    if parts.scheme not in SCHEMES or not port_is_right:
        raise invalid(f"Invalid store.url {shown(url)!r}: {expected}")
    database = parts.path.strip("/")
    if parts.scheme != "unix" and database and not database.isdecimal():
        raise invalid(f"Invalid store.url {shown(url)!r}: the database {database!r} is no number; {expected}")
