"""`clipper bench`, wrk and hey on the same target."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.bodies import JSON
from benchmarks.cases import Case, Inputs, Model, RequestFormat
from benchmarks.environment import program
from benchmarks.layer.models import NoOp
from benchmarks.openloop.run import LoadError
from benchmarks.wrk import closed_loop
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.finding import Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting

APP, INPUT = "target", "[0.5, 1.5, 2.5, 3.5]"
BODY = f'{{"input": {INPUT}}}'
CONNECTIONS, RATE, WORKERS = 8, 500, 10
ROUNDS, QUICK_ROUNDS, SECONDS = 5, 2, 3
MARGIN_S = 30


@dataclass(frozen=True)
class Sample:
    """One run."""

    per_second: float
    p50_ms: float
    p99_ms: float


def run(setting: Setting) -> Finding:
    """Rounds of all of them."""
    closed: dict[str, list[Sample]] = {"clipper bench": [], "wrk": [], "hey": []}
    opened: dict[str, list[Sample]] = {"clipper bench": [], "hey": []}
    with cluster() as running:
        running.deploy({"noop": NoOp()}, "doubles", json.loads(INPUT))
        running.application(APP, ["noop"], "doubles", slo_ms=100.0)
        running.wait_for(APP, json.loads(INPUT))
        for _ in range(setting.choose(ROUNDS, QUICK_ROUNDS)):
            closed["clipper bench"].append(_bench(running, f"closed:{CONNECTIONS}"))
            closed["wrk"].append(_wrk(running))
            closed["hey"].append(_hey(running, ["-c", str(CONNECTIONS)]))
            opened["clipper bench"].append(_bench(running, f"constant:{RATE}"))
            opened["hey"].append(_hey(running, ["-c", str(WORKERS), "-q", str(RATE // WORKERS)]))
            setting.tell(f"{closed['clipper bench'][-1]}, {closed['wrk'][-1]}, {closed['hey'][-1]}")
    rows = []
    for loop, found in ((f"closed, {CONNECTIONS} connections", closed), (f"open, {RATE}/s", opened)):
        for name, samples in found.items():
            cells = [
                statistics.mean([getattr(each, field) for each in samples]).text() for field in Sample.__annotations__
            ]
            rows.append((loop, name, *cells))
    ours, theirs = closed["clipper bench"], closed["hey"]
    pace = statistics.ratio([each.per_second for each in ours], [each.per_second for each in theirs])
    middle = statistics.mean(
        [abs(a.p50_ms - b.p50_ms) for a, b in zip(opened["clipper bench"], opened["hey"], strict=True)]
    )
    sent = min(each.per_second for each in opened["clipper bench"])
    claims = [
        at_least("closed loop: answers per second, of hey's", pace, 0.7, "×"),
        at_least("open loop: queries per second, of those due", Measured(sent / RATE), 0.99, "×"),
        at_most("open loop: how far its median is from hey's", middle, 0.5, "ms"),
    ]
    table = sheet("The same target", ("load", "generator", "answers/s", "p50, ms", "p99, ms"), rows)
    return Finding("generators", claims, [table])


def _bench(running: Cluster, rate: str) -> Sample:
    command = [sys.executable, "-m", "clipper", "bench", APP, "--home", str(running.server.home), "--json"]
    outcome = json.loads(_output([*command, "--rate", rate, "--duration", str(SECONDS), "--input", INPUT]))
    return Sample(outcome["per_second"], outcome["latency_ms"]["p50"], outcome["latency_ms"]["p99"])


def _wrk(running: Cluster) -> Sample:
    case = Case(Model.NOOP, CONNECTIONS, Inputs.SAME)
    found = closed_loop(running.port, RequestFormat(f"/{APP}/predict"), case, SECONDS)
    return Sample(found.per_second, found.p50_us / 1000, found.p99_us / 1000)


def _hey(running: Cluster, options: list[str]) -> Sample:
    url = f"http://127.0.0.1:{running.port}/{APP}/predict"
    text = _output([program("hey"), "-z", f"{SECONDS}s", "-m", "POST", "-T", JSON, "-d", BODY, *options, url])
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p50, p99 = (re.search(rf"{share}% in ([\d.]+) secs", text) for share in (50, 99))
    if rate is None or p50 is None or p99 is None:
        raise LoadError(f"hey said nothing that can be read: {text[-200:]}")
    return Sample(float(rate[1]), float(p50[1]) * 1000, float(p99[1]) * 1000)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + MARGIN_S, check=False)
    if done.returncode != 0:
        raise LoadError(f"{command[0]} failed: {done.stderr.strip()[-200:]}")
    return done.stdout
