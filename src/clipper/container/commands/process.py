"""A container as a process of ours: started, dialled, stopped, and never left behind."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from clipper.core.errors import ClipperError, ErrorCode

TOKEN_VARIABLE = "CLIPPER_CONTAINER_TOKEN"  # noqa: S105  the name of the variable, not the token

POLL_S = 0.005
SHOWN_LOG_CHARACTERS = 4000


class ContainerProcess:
    """A container that was started; see `running_container`."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
        self._process = process
        self._address = address
        self._log = log

    @property
    def log(self) -> str:
        """What it has written so far: the end of it."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-SHOWN_LOG_CHARACTERS:]

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def dial(self, timeout_s: float) -> socket.socket:
        """A connection, as soon as it takes one; its own timeout is `timeout_s` too.

        Raises:
            ClipperError: MODEL_FAILED with its log as detail if it ends before, TIMEOUT if it does not listen in time.
        """
        until = time.monotonic() + timeout_s
        while True:
            with suppress(OSError):
                return _connect(self._address, timeout_s)
            if not self.alive:
                message = f"The container ended with {self.wait(timeout_s)} before it listened on {self._address}"
                raise ClipperError(ErrorCode.MODEL_FAILED, message, self.log)
            if time.monotonic() > until:
                message = f"The container does not listen on {self._address} after {timeout_s:g} s"
                raise ClipperError(ErrorCode.TIMEOUT, message, self.log)
            time.sleep(POLL_S)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> str:
        """How it ended: `code 3` or `signal 9`. Raises TIMEOUT if it does not within `timeout_s`."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ClipperError(ErrorCode.TIMEOUT, f"The container has not ended after {timeout_s:g} s") from None
        return f"code {code}" if code >= 0 else f"signal {-code}"


@contextmanager
def running_container(
    command: Sequence[str], folder: Path, address: str, token: str, log: Path
) -> Iterator[ContainerProcess]:
    """`command` as a process with `token` in its environment; killed with all it has started when the block ends.

    Args:
        command: all of it, with `--listen address` and the rest.
        folder: where it runs.
        address: where it shall listen, `unix:/path` or `tcp:host:port`.
        token: 64 hexadecimal digits.
        log: the file for what it writes.

    Raises:
        ClipperError: UNAVAILABLE if it cannot be started at all.
    """
    # What we start inherits our environment and gets the token by it; nothing in it is a setting of ours.
    environment = {**os.environ, TOKEN_VARIABLE: token}  # noqa: TID251
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ClipperError(ErrorCode.UNAVAILABLE, f"Cannot start {command[0]}: {error}") from None
    try:
        yield ContainerProcess(process, address, log)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _connect(address: str, timeout_s: float) -> socket.socket:
    scheme, _, rest = address.partition(":")
    if scheme == "tcp":
        host, _, port = rest.rpartition(":")
        return socket.create_connection((host, int(port)), timeout_s)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(rest)
    except OSError:
        connection.close()
        raise
    return connection
