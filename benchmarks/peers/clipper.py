"""Clipper itself: one query frontend, one container, the embedded store, all settings as they come."""

import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import clipper
from benchmarks import tally
from benchmarks.cases import Inputs, RequestFormat, Served
from benchmarks.peers.target import Endpoint, Start, Target, is_answer, post, wait_ready
from benchmarks.processes import command_line, descendants, free_port, running
from clipper.client import Clipper

FRONTEND = "clipper.server.frontend"  # the module that is a frontend's process
APPLICATION = "bench"
SLO_MS = 20
DEFAULT_OUTPUT = "-1.0"
REQUEST = RequestFormat(f"/{APPLICATION}/predict")


@dataclass(frozen=True)
class Server:
    """A running `clipper serve`."""

    home: Path
    pid: int
    query_port: int
    alive: Callable[[], bool]

    def frontend(self) -> int:
        """The process id of its one query frontend."""
        (pid,) = (pid for pid in descendants(self.pid) if FRONTEND in command_line(pid))
        return pid

    def defaults(self) -> int:
        """Default outputs answered so far, by Clipper's own count."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.query_port}/metrics", timeout=10) as reply:
            lines = reply.read().decode().splitlines()
        counts = [line.split()[-1] for line in lines if line.startswith("clipper_default_predictions_total")]
        return round(sum(map(float, counts)))


@contextlib.contextmanager
def server(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """`clipper serve` on the home `folder`/home; it may not be ready yet. Settings may come in the environment."""
    home = folder / "home"
    query_port, admin_port = free_port(), free_port()
    ports = ["--query-port", str(query_port), "--admin-port", str(admin_port)]
    command = [sys.executable, "-m", "clipper", "serve", "--home", str(home), *ports]
    with running(command, folder, environment) as process:
        yield Server(home, process.pid, query_port, lambda: process.poll() is None)


class Counted:
    """The model as Clipper gets it: an array of rows in, as many outputs. Says hello to the tally on first use."""

    def __init__(self, model: str, path: str) -> None:
        self.model = model
        self.path = path
        self.count: Callable[[int], None] | None = None

    def __call__(self, rows: Sequence[Sequence[float]]) -> Sequence[float]:
        if self.count is None:
            self.count = tally.counter(self.path)
        self.count(len(rows))
        if self.model == "noop":
            return [1.0] * len(rows)
        sums: Sequence[float] = rows.sum(axis=1)  # type: ignore[attr-defined]  # a NumPy array
        return sums


def connect(home: Path, alive: Callable[[], bool], folder: Path) -> Clipper:
    """A client, once the server has said that it is ready."""
    wait_ready((home / "run" / "server.json").exists, alive, folder)
    return clipper.connect(home)


@contextlib.contextmanager
def deployed(start: Start) -> Iterator[Server]:
    """A server with one application that has answered the example with its one model."""
    with server(start.folder) as clipper_server:
        with connect(clipper_server.home, clipper_server.alive, start.folder) as client:
            client.register_application(APPLICATION, "doubles", DEFAULT_OUTPUT, SLO_MS * 1000)
            function = Counted(start.model.value, str(start.tally))
            client.deploy_python_closure("model", 1, "doubles", function, example=list(start.model.example))
            client.link_model_to_app(APPLICATION, "model")
        wait_ready(
            lambda: answers(
                start.model, post(clipper_server.query_port, REQUEST.path, REQUEST.body(start.model.example))
            ),
            clipper_server.alive,
            start.folder,
        )
        yield clipper_server


@contextlib.contextmanager
def serve(start: Start) -> Iterator[Endpoint]:
    with deployed(start) as running_server:
        yield Endpoint(running_server.query_port, running_server.pid, REQUEST, start.tally, running_server.defaults)


def answers(model: Served, reply: bytes) -> bool:
    prediction = json.loads(reply)
    return not prediction["default"] and is_answer(model, float(prediction["output"]))


def first_answer_s(port: int, path: str, body: bytes, since: float, limit_s: float) -> float:
    """Seconds from `since` to the first answer that is not a default output. Raises TimeoutError after `limit_s`."""
    while (now := time.monotonic()) - since < limit_s:
        with contextlib.suppress(OSError, ValueError):
            if not json.loads(post(port, path, body))["default"]:
                return time.monotonic() - since
        time.sleep(max(0.0, 0.005 - (time.monotonic() - now)))
    raise TimeoutError(f"no prediction within {limit_s:g} s")


TARGET = Target(
    name="clipper",
    title="Clipper",
    serve=serve,
    inputs=(Inputs.DIFFERENT, Inputs.SAME),
    by_wrk=True,
)
