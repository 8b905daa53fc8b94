"""What a system must tell the harness to be measured, and how one is started, checked and stopped."""

import contextlib
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tally
from benchmarks.cases import Inputs, RequestFormat, Served, Settings
from benchmarks.environment import Unavailable, python_for
from benchmarks.processes import cpu_seconds, free_port, last_lines, running
from benchmarks.services.job import Job

READY_S = 90.0  # Ray Serve needs about fifteen seconds on two cores
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Start:
    """What a system is to be started with."""

    model: Served
    settings: Settings
    folder: Path  # empty, deleted afterwards
    cache: Path  # where environments are kept
    tally: Path

    def job(self, port: int) -> Job:
        return Job(self.model.value, port, str(self.tally), self.settings)


@dataclass(frozen=True)
class Endpoint:
    """A system that answers."""

    port: int
    pid: int  # the first of its processes: the others are below it
    request: RequestFormat
    tally: Path
    defaults: Callable[[], int] = lambda: 0  # how many of its answers so far were not predictions

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)


Serve = Callable[[Start], AbstractContextManager[Endpoint]]


@dataclass(frozen=True)
class Target:
    """One system. `serve` starts it, waits until it has answered the example right, and stops it."""

    name: str
    title: str
    serve: Serve
    settings: tuple[Settings, ...] = ({},)  # candidates for its own batching knobs, the best known first
    package: str = ""  # whose pinned version names the system
    batches: bool = True  # False: no model behind it
    inputs: tuple[Inputs, ...] = (Inputs.DIFFERENT,)  # SAME too where a cache or a constant can gain from it
    by_wrk: bool = False  # loaded by wrk too: the fastest systems, which show what the load itself costs


@contextlib.contextmanager
def fresh_start(model: Served, settings: Settings, cache: Path) -> Iterator[Start]:
    """A start in a folder of its own that lives as long as the scope.

    The folder's name is short: a path to a Unix socket has room for about a hundred characters.
    """
    with tempfile.TemporaryDirectory(prefix="cb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        yield Start(model, settings, folder, cache, tally.create(folder / "tally"))


@contextlib.contextmanager
def started(target: Target, model: Served, settings: Settings, cache: Path) -> Iterator[Endpoint]:
    """`target` serving `model` as long as the scope lasts."""
    with fresh_start(model, settings, cache) as start, target.serve(start) as endpoint:
        yield endpoint


Answers = Callable[[Served, bytes], bool]


def process_target(
    start: Start,
    command: Callable[[int], list[str]],
    request: RequestFormat,
    answers: Answers,
    environment: dict[str, str] | None = None,
) -> AbstractContextManager[Endpoint]:
    """A system that is one command. `command` gets the port; `answers` says whether a reply to the example is right."""
    return _process_target(start, command, request, answers, environment or {})


@contextlib.contextmanager
def _process_target(
    start: Start,
    command: Callable[[int], list[str]],
    request: RequestFormat,
    answers: Answers,
    environment: dict[str, str],
) -> Iterator[Endpoint]:
    port = free_port()
    variables = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    variables |= start.job(port).environment() | environment
    with running(command(port), start.folder, variables) as process:
        wait_ready(
            lambda: answers(start.model, post(port, request.path, request.body(start.model.example))),
            lambda: process.poll() is None,
            start.folder,
        )
        yield Endpoint(port, process.pid, request, start.tally)


def service(
    peer: str,
    start: Start,
    request: RequestFormat,
    answers: Answers,
    environment: dict[str, str] | None = None,
) -> AbstractContextManager[Endpoint]:
    """A system that is a Python module of `benchmarks.services`, run by the interpreter of its own environment."""
    python = python_for(peer, start.cache)
    module = f"benchmarks.services.{peer}"
    return process_target(start, lambda _: [str(python), "-m", module], request, answers, environment)


def wait_ready(answers: Callable[[], bool], alive: Callable[[], bool], folder: Path) -> None:
    """Ask until the answer to the example is right. Raises Unavailable with the end of the system's output."""
    deadline = time.monotonic() + READY_S
    last = "no answer"
    while time.monotonic() < deadline:
        if not alive():
            raise Unavailable(f"stopped while starting: {last_lines(folder)}")
        try:
            if answers():
                return
            last = "wrong answer to the example"
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            last = f"{type(error).__name__}: {error}"
        time.sleep(0.05)
    raise Unavailable(f"not ready after {READY_S:.0f} s: {last}; {last_lines(folder)}")


def post(port: int, path: str, body: bytes, timeout_s: float = 5.0) -> bytes:
    """The body of a 200 reply. Raises ValueError for any other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise ValueError(f"HTTP {reply.status}: {text[:200]!r}")
        return text
    finally:
        connection.close()


def is_answer(model: Served, value: float) -> bool:
    return abs(value - model.answer(model.example)) < 1e-6
