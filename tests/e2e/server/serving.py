"""`clipper serve` as a process, what it says, what belongs to it, and clients that go on while it is mistreated."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clipper.client import Clipper, connect

PATIENCE_S = 60.0


def eventually(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Poll until `condition` holds, or fail."""
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


class Server:
    """A server on a home folder."""

    def __init__(self, home: Path, *flags: str, **environment: str) -> None:
        self.home = home
        command = [sys.executable, "-m", "clipper", "serve", "--home", str(home), "--query-port", "0"]
        self.process = subprocess.Popen(
            [*command, "--admin-port", "0", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            text=True,
        )
        self._lines: list[str] = []
        self._reading = threading.Thread(target=self._read, name="output of the server")
        self._reading.start()

    @property
    def output(self) -> str:
        """What it has said so far."""
        return "".join(self._lines)

    def ready(self) -> "Server":
        """Wait until it says so."""
        eventually(lambda: "  home  " in self.output or self.process.poll() is not None, "starting a server")
        assert self.process.poll() is None, self.output
        return self

    @property
    def address(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "run" / "server.json").read_bytes())
        return found

    def children(self, kind: str) -> list[int]:
        """Process ids of the planes of a kind: `controller`, `frontend`, `container`."""
        module = "clipper.container" if kind == "container" else f"clipper.server.{kind}"
        return [pid for pid, command in processes_of(self.home).items() if module in command]

    def kill(self, kind: str) -> int:
        """Kill one process of a kind, wait until it is dead, and tell which it was."""
        pid = self.children(kind)[0]
        os.kill(pid, signal.SIGKILL)
        # a dying process loses its command line before its connections, so `processes_of` is no proof
        eventually(lambda: not Path(f"/proc/{pid}").exists(), f"the {kind} lives")
        return pid

    def client(self) -> Clipper:
        return connect(self.home)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and that of everything that belonged to it; its exit code."""
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            eventually(lambda: not processes_of(self.home), f"left behind: {processes_of(self.home)}")
            self.close()

    def close(self) -> None:
        """Read what it said to the end."""
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._reading.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._lines.append(line)


def processes_of(home: Path) -> dict[int, str]:
    """The command lines of the processes that work on a home folder, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(home) in command:
                found[int(entry.name)] = command
    return found


@contextmanager
def serving(home: Path, *flags: str, **environment: str) -> Iterator[Server]:
    """A ready server, stopped at the end, which must go well."""
    server = Server(home, *flags, **environment)
    try:
        yield server.ready()
    except BaseException:
        server.process.terminate()
        server.wait()
        raise
    if server.process.poll() is None:
        assert server.stop() == 0, server.output
    else:
        server.wait()


def predict(server: Server, app: str, value: object, port: int | None = None) -> dict[str, Any]:
    """One query on a connection of its own."""
    url = f"http://127.0.0.1:{port or server.address['query_port']}/{app}/predict"
    request = urllib.request.Request(url, json.dumps({"input": value}).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


class Querying:
    """Sends queries one after another, each on a connection of its own, until it is left; keeps what went wrong."""

    def __init__(self, server: Server, app: str) -> None:
        self.answered = 0
        self.wrong: list[str] = []
        self._server = server
        self._app = app
        self._port = int(server.address["query_port"])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="querying")

    def __enter__(self) -> "Querying":
        self._thread.start()
        self.more(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = self.answered + count
        eventually(lambda: self.answered >= wanted, f"no more answers: {self.wrong}")

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                answer = predict(self._server, self._app, [number, 1], self._port)
            except (OSError, urllib.error.URLError) as error:
                self.wrong.append(repr(error))
                continue
            self.answered += 1
            if answer["default"] or answer["output"] != number + 1:
                self.wrong.append(repr(answer))
