"""What must hold of containers, each with its verdict."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from benchmarks.container import BUDGET_US, in_process_us
from benchmarks.peers.clipper import connect, server
from clipper.client import Clipper
from clipper.container.memory import keep_freed_memory
from clipper.core.native_libraries import FAST_COPIES, ONE_THREAD

START, IMPORTS, SECOND, OVERHEAD = TITLES = (
    "start of a scikit-learn replica in a warm environment",
    "beside it: an empty process until it has imported scikit-learn's linear models, as a container does",
    "start of a second replica of the same model",
    "container around a model that does nothing, a batch of 64 × 784 doubles",
)
START_TARGET_S = 1.5
STARTS = 5
ROUNDS = 300
MODEL = "digits"
_IMPORTS = "import gc; gc.disable(); import time, sklearn.linear_model; print(time.monotonic())"


@dataclass(frozen=True)
class Target:
    """Something measured, and the most that it may be.

    Attributes:
        title: what was measured.
        measured, limit: in `unit`; None: it is there to explain another.
        limit_shown: the limit in words.
    """

    title: str
    measured: float
    unit: str
    limit: float | None = None
    limit_shown: str = ""

    def __str__(self) -> str:
        verdict = "" if self.limit is None else "✓" if self.measured <= self.limit else "✗"
        return f"| {self.title} | {self.limit_shown} | {self.measured:.3g} {self.unit} | {verdict} |"


def starts() -> list[Target]:
    """A replica of scikit-learn, from the wish for it until it is ready: the first one and a second."""
    with tempfile.TemporaryDirectory(prefix="cb-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with server(folder) as running, connect(running.home, running.alive, folder) as client:
            images, labels = load_digits(return_X_y=True)
            model = LogisticRegression(max_iter=100, tol=0.01).fit(images, labels)
            client.deploy_model(MODEL, 1, model, example=images[0].tolist())
            turns = [_start_times_s(client) for _ in range(STARTS)]
    first, second, imports = (median(times) for times in zip(*turns, strict=True))
    return [
        Target(START, first, "s", START_TARGET_S, f"≤ {START_TARGET_S:g} s"),
        Target(IMPORTS, imports, "s"),
        Target(SECOND, second, "s", first, "faster than the first"),
    ]


def _start_times_s(client: Clipper) -> tuple[float, float, float]:
    """Of a first replica, of a second, and of importing what each of them cannot do without."""
    client.set_num_replicas(MODEL, 0)
    times = [monotonic()]
    for replicas in (1, 2):
        client.set_num_replicas(MODEL, replicas)
        times.append(monotonic())
    times.append(float(_printed("-c", _IMPORTS)))
    first, second, imports = (after - before for before, after in pairwise(times))
    return first, second, imports


def overhead() -> list[Target]:
    """What the container adds to a model that does nothing, in a process with a container's variables."""
    printed = _printed("-m", "benchmarks.frameworks.targets")
    return [Target(OVERHEAD, float(printed), "µs", BUDGET_US, f"≤ {BUDGET_US:g} µs")]


def _printed(*arguments: str) -> str:
    """By Python with a container's variables."""
    variables = {**FAST_COPIES, **os.environ, **ONE_THREAD}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout


TARGETS: dict[str, Callable[[], list[Target]]] = {"start": starts, "overhead": overhead}


if __name__ == "__main__":
    keep_freed_memory()
    print(in_process_us(64, 784, np.zeros(64, np.int64), ROUNDS))
