"""How many queries are answered inside the objective when they arrive on their own schedule, at half of full load."""

from pathlib import Path

import numpy as np

from benchmarks.bodies import JSON, Shot, json_bodies, write_bodies
from benchmarks.cases import Case, Model
from benchmarks.load import closed_loop
from benchmarks.openloop.run import open_loop
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import Outcome
from benchmarks.peers.clipper import SLO_MS, TARGET
from benchmarks.peers.target import fresh_start

WARM_UP_S = 2.0
FULL_S = 2.0
BODIES = 4096


def inside_slo(seconds: float, cache: Path) -> tuple[float, Outcome]:
    """Clipper with the sum model, every input different: half of what it answers at most, and how that was met.

    The most is measured right before, on the same server: hosts change their speed within minutes.
    """
    with fresh_start(Model.SUM, {}, cache) as start, TARGET.serve(start) as endpoint:
        rows = np.random.default_rng().random((BODIES, 8))
        file = write_bodies(start.folder / "bodies", json_bodies(rows, endpoint.request))
        full = Case(Model.SUM, 64)
        closed_loop(endpoint.port, endpoint.request, full, WARM_UP_S)
        rate = closed_loop(endpoint.port, endpoint.request, full, FULL_S).per_second / 2
        trace = open_loop(endpoint.port, Shot(endpoint.request.path, JSON, file), [Phase(rate, seconds)])
        return rate, trace.outcome(SLO_MS, seconds)
