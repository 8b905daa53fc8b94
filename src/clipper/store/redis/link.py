"""The connections of one process to a Redis server: bounded waits, a pause after failures, errors in our words.

Nothing is sent twice: when no answer comes, nobody here can know whether it was done. After a failure callers are told
so at once for a moment, instead of each waiting for a server that is away.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.store.config import StoreConfig, shown

MAX_CONNECTIONS = 8
"""Of readers at the same time; the writer needs one."""

FIRST_PAUSE_S = 0.05
"""After the first failure: as long as a small server takes to start again."""

MAX_PAUSE_S = 1.0
"""Where pauses stop doubling: once it is back, Redis is found within a second."""


class RedisLink:
    """Sends commands and returns their replies, from any thread."""

    def __init__(self, config: StoreConfig) -> None:
        self.name = shown(config.url)
        try:
            self._pool = redis.BlockingConnectionPool.from_url(
                config.url,
                max_connections=MAX_CONNECTIONS,
                timeout=config.timeout_s,
                socket_timeout=config.timeout_s,
                socket_connect_timeout=config.timeout_s,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
                client_name="clipper",
            )
        except (ValueError, TypeError) as error:  # such as a query parameter that the client does not know
            raise invalid(f"Invalid store.url {self.name!r}: {error}") from None
        self.database = int(self._pool.connection_kwargs.get("db") or 0)
        self._client = redis.Redis(connection_pool=self._pool)
        self._lock = threading.Lock()  # guards the two fields below
        self._silent_until = 0.0
        self._pause_s = FIRST_PAUSE_S

    def call(self, *command: bytes | int | str) -> Any:
        """Return the reply to one command.

        Raises:
            ClipperError: UNAVAILABLE if there was none in time, STORE_FULL or STORE_FAILED if Redis refuses.
        """
        return self._answered(lambda: self._client.execute_command(*command))  # type: ignore[no-untyped-call]

    def run(self, script: "Script", *arguments: bytes | int) -> Any:
        """Return what a script returns; Redis is given its text again if it does not remember it. Raises as `call`."""
        return self._answered(lambda: script(args=arguments))

    def script(self, text: str, keys: tuple[bytes, ...]) -> "Script":
        """Return a script to be `run` on these keys."""
        registered = self._client.register_script(text)
        return lambda args: registered(keys=keys, args=args)

    def subscription(self) -> Any:
        """Return a connection of its own, not yet connected; it raises what redis-py raises."""
        return self._pool.connection_class(**self._pool.connection_kwargs)

    def is_back(self) -> None:
        """The server has answered somebody: callers need not be put off any longer."""
        with self._lock:
            self._silent_until, self._pause_s = 0.0, FIRST_PAUSE_S

    def close(self) -> None:
        """Close every connection."""
        self._pool.disconnect()

    def _answered(self, ask: Callable[[], Any]) -> Any:
        if monotonic() < self._silent_until:
            raise ClipperError(
                ErrorCode.UNAVAILABLE, f"The store at {self.name} did not answer a moment ago: retry later"
            )
        with self._translated():
            reply = ask()
        if self._silent_until:
            self.is_back()
        return reply

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self._fall_silent()
            raise ClipperError(ErrorCode.UNAVAILABLE, f"The store at {self.name} does not answer: {error}") from error
        except redis.ResponseError as error:
            raise self._refusal(error) from error
        except redis.RedisError as error:
            raise ClipperError(ErrorCode.STORE_FAILED, f"The store at {self.name} fails: {error}") from error

    def _fall_silent(self) -> None:
        with self._lock:
            self._silent_until = monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)

    def _refusal(self, error: redis.ResponseError) -> ClipperError:
        text = str(error)
        if isinstance(error, redis.OutOfMemoryError) or text.startswith(("OOM", "MISCONF")):
            return ClipperError(
                ErrorCode.STORE_FULL, f"The store at {self.name} is full or cannot write to its disk: {text}"
            )
        return ClipperError(ErrorCode.STORE_FAILED, f"The store at {self.name} refuses: {text}")


Script = Callable[..., Any]
"""A script of Redis, bound to its keys."""
