"""A `clipper serve` for one case: one application, one model at a time, and what its processes and metrics say."""

import contextlib
import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.clipper import Server, connect, server
from benchmarks.peers.target import post, wait_ready
from benchmarks.processes import CLOCK_TICKS_PER_S, command_line, descendants
from clipper.client import Clipper

SLO_MS = 20.0
APPLICATION = "bench"
DEFAULT_OUTPUT = "-1"
PATH = f"/{APPLICATION}/predict"
RAW_PATH = f"{PATH}?dtype=float64"
MODULES = {"clipper.server.frontend": "front end", "clipper.container": "containers"}
REST = "the rest"

Cpu = dict[str, float]


@dataclass(frozen=True)
class Reading:
    """What processes and metrics say at one moment. Seconds of CPU by kind of process."""

    at: float
    cpu_s: Cpu
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Use:
    """Between two readings."""

    seconds: float
    cores: Cpu  # by kind of process
    defaults: int
    predictions: int  # by containers
    batches: float
    computing: float  # seconds of computing per second, of all containers

    @property
    def mean_batch(self) -> float:
        return self.predictions / self.batches if self.batches else 0.0


@dataclass
class Layer:
    """A running server and its one application."""

    server: Server
    client: Clipper
    folder: Path
    input_type: str
    name: str = ""  # of the model that is deployed
    deployed: int = 0

    @property
    def port(self) -> int:
        return self.server.query_port

    def deploy(self, model: object, **options: Any) -> None:
        """Serve this model and no other. `options` are `deploy_model`'s."""
        before = self.name
        self.deployed += 1
        self.name = f"model-{self.deployed}"
        self.client.deploy_model(self.name, 1, model, self.input_type, **options)
        self.client.set_linked_models(APPLICATION, [self.name])
        if before:
            self.client.delete_model(before)

    def batching(self, name: str, size: int = -1) -> None:
        """How batches are sized from now on; "none" is "fixed" to one. A controller starts with nothing learned."""
        self.client.set_model(self.name, batching=name, batch_size=size)

    def wait_for(self, body: bytes, path: str = PATH) -> None:
        """Until a model answers, not the default output."""

        def answers() -> bool:
            return b'"default":false' in post(self.port, path, body)

        wait_ready(answers, self.server.alive, self.folder)

    def read(self) -> Reading:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as reply:
            metrics = totals(reply.read().decode())
        return Reading(time.perf_counter(), cpu_seconds(self.server.pid), metrics)

    def use(self, before: Reading) -> Use:
        """What happened since."""
        after = self.read()
        seconds = after.at - before.at
        grown = {name: after.metrics.get(name, 0.0) - before.metrics.get(name, 0.0) for name in after.metrics}
        return Use(
            seconds=seconds,
            cores={name: (after.cpu_s[name] - before.cpu_s.get(name, 0.0)) / seconds for name in after.cpu_s},
            defaults=round(grown.get("clipper_default_predictions_total", 0.0)),
            predictions=round(grown.get("clipper_model_predictions_total", 0.0)),
            batches=grown.get("clipper_replica_batch_size_count", 0.0),
            computing=grown.get("clipper_replica_compute_seconds_sum", 0.0) / seconds,
        )


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    """Empty, and gone with the scope. Its name is short: a path to a Unix socket has room for little more than 100."""
    with tempfile.TemporaryDirectory(prefix="cb-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextlib.contextmanager
def layer(
    folder: Path, slo_ms: float = SLO_MS, input_type: str = "doubles", environment: dict[str, str] | None = None
) -> Iterator[Layer]:
    """A server with an application that has no model yet."""
    with server(folder, environment) as running, connect(running.home, running.alive, folder) as client:
        client.register_application(APPLICATION, input_type, DEFAULT_OUTPUT, round(slo_ms * 1000))
        yield Layer(running, client, folder, input_type)


def totals(text: str) -> dict[str, float]:
    """Each metric's sum over its labels."""
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
        found[name] = found.get(name, 0.0) + float(value)
    return found


def cpu_seconds(pid: int) -> Cpu:
    """Used so far by the processes of a server, by kind."""
    used = dict.fromkeys([*MODULES.values(), REST], 0.0)
    for process in [pid, *descendants(pid)]:
        arguments = command_line(process)
        kind = next((kind for module, kind in MODULES.items() if module in arguments), REST)
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            used[kind] += (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S
    return used
