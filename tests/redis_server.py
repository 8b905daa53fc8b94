"""A real redis-server on a unix socket, which tests may stop, kill and start again."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE_S = 30.0

DATABASES = 10_000


class RedisServer:
    """Durable: every write is on disk before it is answered. `with` ends and removes it."""

    def __init__(self, *settings: str) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._databases: dict[Path, int] = {}

    def __enter__(self) -> Self:
        if shutil.which("redis-server") is None:
            pytest.fail("redis-server is not installed, and these tests need a real one: apt-get install redis-server")
        self.folder = Path(tempfile.mkdtemp())  # a short path: the names of unix sockets are limited
        self.socket = self.folder / "s"
        try:
            self.start()
        except BaseException:
            self.kill()
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it on what it has kept, and wait until it answers."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--databases", str(DATABASES)]
        self._process = subprocess.Popen([*command, *self._settings], stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, "redis-server has ended"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.005)

    def kill(self) -> None:
        """End it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Let it hang: connections stay, nothing is answered until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def url(self, of: Path | None = None) -> str:
        """A database of its own for each folder, empty at first; without one the first of all."""
        number = 0 if of is None else self._databases.setdefault(of, 1 + len(self._databases))
        return f"unix://{self.socket}?db={number}"

    def client(self) -> "redis.Redis":
        """A connection to the first database; to be closed."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0))

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return True
            except redis.ConnectionError:
                return False
