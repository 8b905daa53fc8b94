"""The closed loop by wrk with one thread, to compare the generator with: the load that everybody knows."""

import itertools
import json
import random
import subprocess
from pathlib import Path

from benchmarks.cases import Case, Inputs, RequestFormat, Sample
from benchmarks.environment import program
from benchmarks.openloop.run import LoadError

SCRIPT = Path(__file__).with_suffix(".lua")
MARGIN_S = 30  # beyond its duration, before wrk is given up
SEEDS = 1_000_000  # the seed is part of every input, so that no two runs of one day send the same ones

_seeds = itertools.count(random.randrange(SEEDS))


def closed_loop(port: int, request: RequestFormat, case: Case, seconds: float) -> Sample:
    """Load `127.0.0.1:port` for `seconds` (whole ones: wrk knows no others)."""
    seed = 0 if case.inputs is Inputs.SAME else next(_seeds) % SEEDS
    command = [program("wrk"), "-t1", f"-c{case.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}{request.path}"]
    command += ["--", request.prefix, request.suffix, case.inputs.value, str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + MARGIN_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"wrk did not stop within {seconds + MARGIN_S:.0f} s") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        raise LoadError(f"wrk failed: {(done.stderr or done.stdout).strip()[-200:]}")
    result = json.loads(lines[0].removeprefix("RESULT "))
    answered = max(0, result["requests"] - result["errors"])
    return Sample(
        requests=answered,
        per_second=answered / (result["duration_us"] / 1e6),
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        errors=result["errors"],
    )
