"""What the processes of a running server use for one query: user and system time under 64 connections."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import tally
from benchmarks.cases import EXAMPLE, Case, Model
from benchmarks.load import closed_loop
from benchmarks.measure import WARM_UP_S
from benchmarks.path.rig import CONNECTIONS
from benchmarks.path.samples import sampled
from benchmarks.peers.clipper import REQUEST, Server, deployed
from benchmarks.peers.target import REPOSITORY, fresh_start, post, wait_ready
from benchmarks.processes import CLOCK_TICKS_PER_S, command_line, descendants, free_port, running

CASE = Case(Model.SUM, CONNECTIONS)
FRONTEND, CONTAINER, CONTROLLER, ROOT = "query frontend", "container", "controller", "root"
MODULES = {"clipper.server.frontend": FRONTEND, "clipper.container": CONTAINER, "clipper.server.controller": CONTROLLER}
BARE = "a bare uvloop server"


@dataclass(frozen=True)
class Cpu:
    """CPU time in user mode and in the kernel, in microseconds."""

    user_us: float
    system_us: float

    @classmethod
    def of(cls, pid: int) -> "Cpu":
        """All that a process has used so far."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user_us, system_us = (int(ticks) / CLOCK_TICKS_PER_S * 1e6 for ticks in fields[11:13])
        return cls(user_us, system_us)

    @property
    def both_us(self) -> float:
        return self.user_us + self.system_us

    def since(self, before: "Cpu", queries: int) -> "Cpu":
        """Per query, since `before`."""
        return Cpu((self.user_us - before.user_us) / queries, (self.system_us - before.system_us) / queries)


@dataclass
class Loaded:
    """A server, its processes by what they are, and what was seen of it: one figure for each round of load."""

    port: int
    pids: Mapping[str, int]
    defaults: Callable[[], int] = lambda: 0
    tally: Path | None = None
    per_second: list[float] = field(default_factory=list)
    unpredicted: int = 0  # errors and default outputs
    batches: int = 0
    rows: int = 0
    rounds: dict[str, list[Cpu]] = field(default_factory=dict)

    def load(self, seconds: float) -> None:
        """One more round."""
        before = self._so_far()
        sample = closed_loop(self.port, REQUEST, CASE, seconds)
        after = self._so_far()
        for process, cpu in after.cpu.items():
            self.rounds.setdefault(process, []).append(cpu.since(before.cpu[process], sample.requests))
        self.per_second.append(sample.per_second)
        self.unpredicted += sample.errors + after.defaults - before.defaults
        self.batches += after.batches - before.batches
        self.rows += after.rows - before.rows

    def samples(self, process: str, seconds: float) -> dict[str, float]:
        """Where a process is while it is loaded, by place; in a round that counts for nothing else."""
        return sampled(self.pids[process], seconds, lambda: closed_loop(self.port, REQUEST, CASE, seconds))

    @property
    def rate(self) -> float:
        return median(self.per_second)

    @property
    def mean_batch(self) -> float:
        return self.rows / max(1, self.batches)

    def cpu(self, process: str) -> Cpu:
        """Per query."""
        found = self.rounds[process]
        return Cpu(median(each.user_us for each in found), median(each.system_us for each in found))

    def _so_far(self) -> "_SoFar":
        cpu = {process: Cpu.of(pid) for process, pid in self.pids.items()}
        batches, rows = (0, 0) if self.tally is None else tally.read(self.tally)
        return _SoFar(cpu, self.defaults(), batches, rows)


class _SoFar(NamedTuple):
    """What a server's own counts say."""

    cpu: dict[str, Cpu]
    defaults: int
    batches: int
    rows: int


@contextlib.contextmanager
def both_servers() -> Iterator[tuple[Loaded, Loaded]]:
    """Clipper and the bare server, warmed up; one at a time is to be loaded."""
    with fresh_start(CASE.model, {}, Path()) as start, deployed(start) as server, _bare_server() as (port, pid):
        clipper = Loaded(server.query_port, _pids(server), server.defaults, start.tally)
        bare = Loaded(port, {BARE: pid})
        for each in (clipper, bare):
            closed_loop(each.port, REQUEST, CASE, WARM_UP_S)
        yield clipper, bare


def _pids(server: Server) -> dict[str, int]:
    """The server's processes by what they are."""
    pids = {ROOT: server.pid}
    for pid in descendants(server.pid):
        words = command_line(pid)
        pids |= {name: pid for module, name in MODULES.items() if module in words}
    return pids


@contextlib.contextmanager
def _bare_server() -> Iterator[tuple[int, int]]:
    """Port and process id of `benchmarks.path.bare`."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.path.bare", str(port)]
    with tempfile.TemporaryDirectory(prefix="cb-") as name:
        folder = Path(name)
        with running(command, folder, {"PYTHONPATH": str(REPOSITORY)}) as process:
            wait_ready(
                lambda: bool(post(port, REQUEST.path, REQUEST.body(EXAMPLE))), lambda: process.poll() is None, folder
            )
            yield port, process.pid
