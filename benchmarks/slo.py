"""How many queries are answered inside the objective when they arrive on their own schedule, at half of full load."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.cases import Case, Model
from benchmarks.load import LoadError, closed_loop
from benchmarks.openloop import Outcome, Plan
from benchmarks.peers.clipper import SLO_MS, TARGET
from benchmarks.peers.target import REPOSITORY, started

WARM_UP_S = 2.0


def inside_slo(rate: float, seconds: float, cache: Path) -> Outcome:
    """Clipper with the sum model under `rate` queries per second, every input different."""
    with started(TARGET, Model.SUM, {}, cache) as endpoint:
        closed_loop(endpoint.port, endpoint.request, Case(Model.SUM, 64), WARM_UP_S)
        return open_loop(Plan(endpoint.port, endpoint.request.path, rate, seconds, SLO_MS))


def open_loop(plan: Plan) -> Outcome:
    """Run the generator in a process of its own: its interpreter must have nothing else to do."""
    command = [sys.executable, "-m", "benchmarks.openloop", json.dumps(asdict(plan))]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, timeout=plan.seconds + 60, check=False
    )
    if done.returncode != 0:
        raise LoadError(f"the open-loop generator failed: {done.stderr.strip()[-300:]}")
    return Outcome(**json.loads(done.stdout))
