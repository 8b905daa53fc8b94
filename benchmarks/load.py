"""The closed loop: every connection sends its next request when it has its answer.

`benchmarks/openloop` carries it, since wrk is itself the bound of the fastest systems: it asks the kernel five times
for a request, and a script makes it, so that one core of two is all wrk's (docs/decisions/0025).
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.bodies import JSON, Shot, json_bodies, write_bodies
from benchmarks.cases import Case, Inputs, RequestFormat, Sample
from benchmarks.openloop.run import in_turn_for
from benchmarks.openloop.trace import quantiles
from clipper.cli.bench.outcome import Kind

BODIES = 4096  # different ones; digits in them make every request different
WIDTH = 8  # doubles


def closed_loop(port: int, request: RequestFormat, case: Case, seconds: float) -> Sample:
    """Load `127.0.0.1:port` for `seconds`. Raises LoadError if the generator did not run to its end."""
    different = case.inputs is Inputs.DIFFERENT
    rows = np.random.default_rng().random((BODIES, WIDTH)) if different else np.full((1, WIDTH), 1 / 3)
    with tempfile.TemporaryDirectory(prefix="cb-") as folder:
        file = write_bodies(Path(folder) / "bodies", json_bodies(rows, request, different))
        return replay(port, Shot(request.path, JSON, file), case.connections, seconds)


def replay(port: int, shot: Shot, connections: int, seconds: float) -> Sample:
    """The same with the bodies of a file, in turn."""
    trace = in_turn_for(port, shot, connections, seconds)
    replied = (trace.kind == Kind.ANSWERED) | (trace.kind == Kind.DEFAULT)
    requests = int(replied.sum())
    p50_ms, p99_ms = quantiles(trace.latency_ms[replied], (0.5, 0.99))
    return Sample(requests, requests / seconds, p50_ms * 1e3, p99_ms * 1e3, len(trace.kind) - requests)
