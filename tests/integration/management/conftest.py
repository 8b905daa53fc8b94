"""Starts controllers as processes, and leaves no container of theirs behind."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clipper.client.addresses import Addresses, read_token
from clipper.client.clipper import Clipper
from clipper.core.errors import ClipperError

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0


@dataclass
class ControllerProcess:
    """A controller on a home folder and a port that outlive it."""

    home: Path
    listener: socket.socket
    output: Path
    process: "subprocess.Popen[bytes] | None" = None
    clipper: Clipper = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def start(self, **options: Any) -> Clipper:
        """Start it and wait until it answers; a client that holds its token."""
        descriptor = self.listener.fileno()
        command = [sys.executable, "-m", "tests.integration.management.serve", str(self.home), str(descriptor)]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, json.dumps(options)], cwd=ROOT, pass_fds=[descriptor], stdout=output, stderr=output
            )
        self.clipper = Clipper(Addresses(query_url=None, admin_url=self.url))
        self.wait_for(self._answers, "the controller to answer")
        self.clipper.close()
        self.clipper = Clipper(Addresses(query_url=None, admin_url=self.url), read_token(self.home))
        return self.clipper

    def kill(self) -> None:
        """As a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.clipper.close()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.clipper.close()
        return self.process.wait(DEADLINE_S)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until `condition` holds; fail after DEADLINE_S, with the controller's output."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.output.read_text()}"
            time.sleep(0.01)

    def replica(self, model: str = "m", version: str = "1", replica_id: int = 0) -> dict[str, Any]:
        """What is known of one replica; empty if there is none."""
        return self.clipper.get_model_replica_info(model, version, replica_id) or {}

    def container_pids(self) -> list[int]:
        return [each["pid"] for each in self.clipper.get_all_model_replicas(verbose=True) if each["pid"]]

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output.read_text()
        with suppress(ClipperError):
            return bool(self.clipper._admin.get("/admin/ping") == "PONG")
        return False


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[ControllerProcess]:
    """A controller that is not started yet; in the end its containers are stopped, by a successor if it was killed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        made = ControllerProcess(tmp_path / "home", listener, tmp_path / "controller.log")
        yield made
        if made.process is None:
            return
        if made.process.returncode == -signal.SIGKILL:
            made.start()
        if made.process.poll() is None:
            made.stop()
