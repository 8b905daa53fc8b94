"""`clipper serve` as the demo's own subprocess."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import sleep

from clipper.client import Clipper, connect
from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode, invalid

START_TIMEOUT_S = 60.0
"""A second is usual; the first start on a cold disk takes several."""

STOP_TIMEOUT_S = 30.0
POLL_S = 0.05
LOG_NAME = "demo-server.log"
LOG_TAIL_BYTES = 2000


class DemoServer:
    """A server on free ports. It ends with `stop()`, or with this process; one that is `kept` ends with neither.

    Args:
        home: its home folder, new or empty; None: a temporary one, removed at the end unless it is kept.
        kept: leave it serving.
    """

    def __init__(self, home: Path | None, kept: bool) -> None:
        self.home = Path(os.devnull)
        self._wanted_home = home
        self._kept = kept
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its root process."""
        assert self._process is not None
        return self._process.pid

    def prepare(self) -> None:
        """Make the home folder. Raises INVALID_ARGUMENT if there is something in it already."""
        if self._wanted_home is None:
            self.home = Path(tempfile.mkdtemp(prefix="clipper-demo-"))
            return
        self.home = self._wanted_home.expanduser().absolute()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self.home.iterdir()):
            raise invalid(f"Invalid --home {self.home}: it is not empty; the demo starts with an empty one")

    def start(self) -> Clipper:
        """Start it and return its client, once it is ready. Raises UNAVAILABLE with its last words if it ends."""
        command = [sys.executable, "-m", "clipper", "serve", "--home", str(self.home)]
        command += ["--query-port", "0", "--admin-port", "0"]
        if not self._kept:
            command.append("--stop-on-stdin-close")
        with (self.home / LOG_NAME).open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if self._kept else subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the server in order
            )
        return self._connected(self._process)

    def stop(self) -> None:
        """Stop it in order, and remove its temporary home; again does nothing."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._wanted_home is None:
            shutil.rmtree(self.home, ignore_errors=True)

    def _connected(self, process: "subprocess.Popen[bytes]") -> Clipper:
        deadline = monotonic() + START_TIMEOUT_S
        while True:
            try:
                return connect(self.home)
            except ClipperError as error:
                if process.poll() is not None or monotonic() > deadline:
                    last_words = (self.home / LOG_NAME).read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
                    raise ClipperError(
                        ErrorCode.UNAVAILABLE, "The demo's server did not start", last_words or error.message
                    ) from None
            sleep(POLL_S)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
