"""A container as a real process, and a synchronous client for it, built on the wire's session."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from clipper.core.inputs import DType, Input
from clipper.wire.batches import Outcome
from clipper.wire.handshake import Welcome, dialer_half
from clipper.wire.session import Event, ResultReceived, Role, Session
from tests.wire.arrays import TOKEN, numbers

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 20.0


class ContainerClient:
    """One link to a container; `receive` waits for the next event, at most `ANSWER_TIMEOUT_S`."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.session = Session(Role.DIALER)
        self._events: deque[Event] = deque()
        connection.settimeout(ANSWER_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def say_hello(self, token: str = TOKEN) -> Event:
        self.connection.sendall(self.session.send_hello(dialer_half(token), "test"))
        return self.receive()

    def send_doubles(self, batch_id: int, *rows: Sequence[float]) -> None:
        self.send_inputs(batch_id, [numbers(DType.FLOAT64, (len(row),), *row) for row in rows])

    def send_inputs(self, batch_id: int, inputs: list[Input]) -> None:
        self.connection.sendall(self.session.send_predict(batch_id, inputs))

    def predict(self, *rows: Sequence[float]) -> list[Outcome]:
        self.send_doubles(1, *rows)
        return self.outcomes()

    def outcomes(self) -> list[Outcome]:
        """The outcomes of the next event, which must be a result."""
        event = self.receive()
        assert isinstance(event, ResultReceived), event
        return event.result.outcomes

    def receive(self) -> Event:
        while not self._events:
            data = self.connection.recv(1 << 20)
            if not data:
                raise EOFError("the container closed the link")
            self._events.extend(self.session.receive(data))
        return self._events.popleft()

    def is_closed(self) -> bool:
        """Wait until the container has closed the link; anything it still sent is dropped."""
        try:
            while self.connection.recv(1 << 20):
                pass
        except ConnectionResetError:
            pass
        return True


class ContainerProcess:
    """A container that was started; `path` is its socket, `log` what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
        self.process = process
        self.path = path
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def dial(self) -> ContainerClient:
        """A connection that has said nothing yet, as soon as the container takes one."""
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(self.path))
            except OSError:
                connection.close()
                assert self.process.poll() is None, f"exit code {self.process.returncode}: {self.log}"
                assert time.monotonic() < until, f"not listening yet: {self.log}"
                time.sleep(0.005)
            else:
                return ContainerClient(connection)

    def link(self) -> ContainerClient:
        """A connection after the handshake."""
        client = self.dial()
        welcome = client.say_hello()
        assert isinstance(welcome, Welcome), welcome
        return client

    def wait_for_log(self, text: str) -> None:
        """Until the container has written `text`."""
        until = time.monotonic() + ANSWER_TIMEOUT_S
        while text not in self.log:
            assert time.monotonic() < until, self.log
            time.sleep(0.005)

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def wait_for_open_files(self, count: int) -> None:
        """Until it has no more than `count`."""
        until = time.monotonic() + ANSWER_TIMEOUT_S
        while self.open_files > count:
            assert time.monotonic() < until, f"{self.open_files} open files"
            time.sleep(0.005)

    def exit_code(self) -> int:
        """Wait for its end."""
        return self.process.wait(START_TIMEOUT_S)


@contextmanager
def running(bundle: Path, *options: str, token: str = TOKEN) -> Iterator[ContainerProcess]:
    """A container of `bundle`, killed at the end if it still runs. The socket and the log lie beside the bundle."""
    path, log = bundle.with_suffix(".sock"), bundle.with_suffix(".log")
    command = [sys.executable, "-m", "clipper.container", "--bundle", str(bundle), "--listen", f"unix:{path}"]
    command += ["--model", "toy", "--version", "1", *options]
    environment = {**os.environ, "CLIPPER_CONTAINER_TOKEN": token}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=bundle
        )
    try:
        yield ContainerProcess(process, path, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
