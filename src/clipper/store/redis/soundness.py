"""Whether a Redis server keeps what it is given, as far as it tells."""

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store.redis.link import RedisLink


def weaknesses(link: RedisLink) -> list[str]:
    """Return how this server could lose acknowledged feedback, in words that follow its name; none if it is sound.

    Raises ClipperError as `RedisLink.call`, except that a server which does not tell is taken to be sound.
    """
    found = []
    if _setting(link, "appendonly") == "no":
        found.append(
            "has no append-only file, so that it forgets when it stops: set appendonly yes, appendfsync always"
        )
    elif _setting(link, "appendfsync") in ("everysec", "no"):
        found.append("may lose the last second when its machine fails: set appendfsync always")
    if (_setting(link, "maxmemory-policy") or "").startswith("allkeys"):
        found.append("drops keys when its memory is full: set maxmemory-policy noeviction")
    return found


def _setting(link: RedisLink, name: str) -> str | None:
    try:
        reply = link.call("CONFIG", "GET", name)
    except ClipperError as error:
        if error.code is ErrorCode.STORE_FAILED:  # services in the cloud do not let anybody ask
            return None
        raise
    values = reply.values() if isinstance(reply, dict) else reply[1::2]
    return next((value.decode() if isinstance(value, bytes) else str(value) for value in values), None)
