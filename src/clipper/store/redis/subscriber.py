"""The thread that hears of what other processes commit, and of a server that was away.

While nobody listened anything may have changed: each new subscription announces everything.
"""

import logging
import threading
from typing import Any

from redis import RedisError

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError
from clipper.store.redis.link import FIRST_PAUSE_S, MAX_PAUSE_S, RedisLink
from clipper.store.redis.notices import Notices
from clipper.store.redis.soundness import weaknesses

_log = logging.getLogger(__name__)

LOOK_S = 0.02
"""How long the end of the thread may be waited for, while it listens."""

PING_S = 1.0
"""After so long without a message, Redis is asked whether it is still there: a cut cable is silent too."""


class Subscriber:
    """Announces to `notices` what is published on `channel`. `start` and `close` bound its life."""

    def __init__(self, link: RedisLink, channel: bytes, notices: Notices, timeout_s: float) -> None:
        self._link = link
        self._channel = channel
        self._notices = notices
        self._timeout_s = timeout_s
        self._closing = threading.Event()
        self._warned: list[str] = []
        self._is_away = False
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-subscriber", daemon=True)

    def start(self) -> None:
        """Start the thread, and give it a moment so that usually nothing is missed from the beginning."""
        self._thread.start()
        self._listens.wait(self._timeout_s)

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            began = monotonic()
            connection = self._link.subscription()
            try:
                self._listen(connection)
            except (RedisError, OSError, ClipperError) as error:
                if monotonic() - began > MAX_PAUSE_S:
                    pause_s = FIRST_PAUSE_S
                self._tell_of_absence(error)
                self._listens.set()  # nobody should wait for a server that is away
                self._closing.wait(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
            finally:
                connection.disconnect()

    def _listen(self, connection: Any) -> None:
        connection.connect()
        connection.send_command("SUBSCRIBE", self._channel)
        connection.read_response()
        self._notices.announce_all()
        self._link.is_back()
        self._listens.set()
        self._tell_of_weaknesses(weaknesses(self._link))
        heard = monotonic()
        while not self._closing.is_set():
            if connection.can_read(LOOK_S):
                self._hear(connection.read_response())
                heard = monotonic()
            elif monotonic() - heard > PING_S:
                connection.send_command("PING", check_health=False)
                self._hear(connection.read_response())  # a time-out of it ends this connection
                heard = monotonic()

    def _hear(self, reply: list[bytes]) -> None:
        if reply[0] == b"message":
            self._notices.announce_message(reply[2])

    def _tell_of_absence(self, error: Exception) -> None:
        """Log it, once for each time that the server is away."""
        if not self._is_away:
            self._is_away = True
            _log.warning(
                "The store at %s does not answer: queries go on from what is known, feedback is refused (%s)",
                self._link.name,
                error,
            )

    def _tell_of_weaknesses(self, found: list[str]) -> None:
        """Log what is new, and that the server is back."""
        if self._is_away:
            self._is_away = False
            _log.warning("The store at %s answers again", self._link.name)
        for each in found:
            if each not in self._warned:
                _log.warning("The store at %s %s", self._link.name, each)
        self._warned = found
