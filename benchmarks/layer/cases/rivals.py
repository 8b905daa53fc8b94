"""The same scikit-learn models in other servers, each at its best settings: the highest load with p99 <= 20 ms."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import joblib

from benchmarks.bodies import Shot
from benchmarks.cases import Estimator, RequestFormat, Settings
from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import saturated
from benchmarks.layer.search import highest_rate
from benchmarks.layer.server import PATH, SLO_MS, fresh_folder, layer
from benchmarks.load import replay
from benchmarks.machine import version
from benchmarks.openloop.run import open_loop
from benchmarks.openloop.schedule import Phase
from benchmarks.peers import bentoml, litserve, mlserver, mosec, pytriton
from benchmarks.peers.target import Target, started
from benchmarks.report import Sheet
from benchmarks.rounds import FAILURES, describe, reason
from benchmarks.section import NOTHING, Section
from benchmarks.services.job import JOBLIB
from benchmarks.targets import NOT_MEASURED, Verdict

RIVALS: tuple[tuple[Target, tuple[Settings, ...]], ...] = (
    (
        mosec.TARGET,
        (
            {"max_batch_size": 32, "max_wait_time": 1},
            {"max_batch_size": 64, "max_wait_time": 10},
            {"max_batch_size": 256, "max_wait_time": 1},
            {"max_batch_size": 1, "max_wait_time": 0},
        ),
    ),
    (
        litserve.TARGET,
        (
            {"max_batch_size": 32, "batch_timeout": 0.002, "fast_queue": True},
            {"max_batch_size": 64, "batch_timeout": 0.005, "fast_queue": True},
            {"max_batch_size": 1, "batch_timeout": 0.0, "fast_queue": True},
        ),
    ),
    (
        bentoml.TARGET,
        (
            {"max_batch_size": 64, "max_latency_ms": 1000},
            {"max_batch_size": 100, "max_latency_ms": 60000},
            {"max_batch_size": 8, "max_latency_ms": 1000},
        ),
    ),
    (
        mlserver.TARGET,
        (
            {"max_batch_size": 64, "max_batch_time": 0.005, "parallel_workers": 0},
            {"max_batch_size": 32, "max_batch_time": 0.002, "parallel_workers": 0},
            {"max_batch_size": 0, "max_batch_time": 0.0, "parallel_workers": 0},
        ),
    ),
    (
        pytriton.TARGET,
        (
            {"max_batch_size": 64, "max_queue_delay_us": 1000},
            {"max_batch_size": 64, "max_queue_delay_us": 5000},
            {"max_batch_size": 8, "max_queue_delay_us": 1000},
            {"max_batch_size": 64, "max_queue_delay_us": 0},
        ),
    ),
)
ALIKE = {models.LOGISTIC: models.LINEAR}  # costs as much, so what is best for the other is for it
SETTLE_S, MEASURE_S, CLOSED_S = 1.0, 2.0, 2.0
STEPS, QUICK_STEPS = 5, 2
FIRST_SHARE = 0.7  # of the throughput of a closed loop: what is tried first
CONNECTIONS = 64
GOOD_SHARE = 0.99
CLIPPER = "Clipper"

BestSettings = dict[tuple[str, str], Settings]
"""By names of system and model."""


@dataclass
class Rival:
    """One system with one model. `failure` says why there are no figures."""

    system: str
    model: str
    settings: str = ""
    closed: float = 0.0  # answers/s
    highest: float = 0.0  # queries/s with p99 inside the objective
    p99_ms: float = float("nan")
    failure: str = ""


@dataclass
class Search:
    """The highest load of one running system. `p99_ms` is of the last that held."""

    port: int
    shot: Shot
    p99_ms: float = float("nan")
    tried: list[float] = field(default_factory=list)

    def holds(self, rate: float) -> bool:
        """Whether p99 is inside the objective, and no more than one in a hundred is no answer of the model."""
        self.tried.append(rate)
        trace = open_loop(self.port, self.shot, [Phase(rate, SETTLE_S + MEASURE_S)])
        outcome = trace.between(SETTLE_S, SETTLE_S + MEASURE_S).outcome(SLO_MS, MEASURE_S)
        good = outcome.p99_ms <= SLO_MS and outcome.good_share >= GOOD_SHARE
        if good:
            self.p99_ms = outcome.p99_ms
        return good


def measure(bench: LayerBench) -> Section:
    """All systems with one model, then with the next."""
    names = models.SCIKIT_LEARN[:1] if bench.quick else models.SCIKIT_LEARN
    best: BestSettings = {}
    found = [rival for name in names for rival in rival_row(bench, name, best)]
    return Section(
        "rivals",
        "The same models in other servers",
        "Estimators of scikit-learn on 784 doubles as JSON, one process with the model in every system. Each system's "
        "settings are the fastest of some; the highest load is then searched in steps, with Poisson arrivals.",
        [_sheet(found)],
        [_verdict(name, found) for name in names],
    )


def rival_row(bench: LayerBench, name: str, best: BestSettings) -> Iterator[Rival]:
    yield _clipper(bench, name)
    for target, candidates in RIVALS:
        rival = Rival(f"{target.title} {version(target)}", name)
        known = best.get((target.name, ALIKE.get(name, name)))
        try:
            tried = (known,) if known is not None else candidates[: 1 if bench.quick else None]
            best[target.name, name] = _rival(bench, target, tried, rival)
        except FAILURES as error:
            rival.failure = reason(error)
        bench.tell(f"{name}, {rival.system}: {rival.failure or f'{rival.highest:,.0f}/s'} {rival.settings}")
        yield rival


def _clipper(bench: LayerBench, name: str) -> Rival:
    rival = Rival(CLIPPER, name, "as it comes")
    with fresh_folder() as folder, layer(folder) as server:
        model, options = bench.model(name)
        server.deploy(model, **options)
        shot = bench.json(PATH, RequestFormat(PATH))
        rival.closed = saturated(server, shot, CLOSED_S).per_second
        _search(bench, Search(server.port, shot), rival)
    bench.tell(f"{name}, {CLIPPER}: {rival.highest:,.0f}/s")
    return rival


def _rival(bench: LayerBench, target: Target, candidates: tuple[Settings, ...], rival: Rival) -> Settings:
    rates = []
    for settings in candidates:
        with _serving(bench, target, rival.model, settings) as (port, shot):
            rates.append(_closed(port, shot))
    rival.closed = max(rates)
    best = candidates[rates.index(rival.closed)]
    rival.settings = describe(best)
    with _serving(bench, target, rival.model, best) as (port, shot):
        replay(port, shot, CONNECTIONS, 1)
        _search(bench, Search(port, shot), rival)
    return best


def _search(bench: LayerBench, search: Search, rival: Rival) -> None:
    steps = QUICK_STEPS if bench.quick else STEPS
    rival.highest = highest_rate(search.holds, FIRST_SHARE * rival.closed, steps)
    rival.p99_ms = search.p99_ms


@contextmanager
def _serving(bench: LayerBench, target: Target, name: str, settings: Settings) -> Iterator[tuple[int, Shot]]:
    with started(target, _file(bench, name), settings, bench.cache) as endpoint:
        yield endpoint.port, bench.json(endpoint.request.path, endpoint.request)


def _file(bench: LayerBench, name: str) -> Estimator:
    estimator = bench.estimator(name)
    path: Path = bench.folder / f"{name.replace(' ', '-')}{JOBLIB}"
    if not path.exists():
        joblib.dump(estimator, path)
    example = bench.digits.test[:1]
    return Estimator(str(path), tuple(example[0].tolist()), float(estimator.predict(example)[0]))


def _closed(port: int, shot: Shot) -> float:
    """Answers per second, errors not counted."""
    replay(port, shot, CONNECTIONS, 1)
    return replay(port, shot, CONNECTIONS, CLOSED_S).per_second


def _sheet(found: list[Rival]) -> Sheet:
    head = ("model", "system", "highest load with p99 ≤ 20 ms, queries/s", "its p99, ms", "closed loop, answers/s",
            "settings")  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for each in found:
        if each.failure:
            rows.append((each.model, each.system, f"failed: {each.failure[:60]}", *[NOTHING] * 3))
            continue
        highest = f"{each.highest:,.0f}" if each.highest else "none"
        p99 = f"{each.p99_ms:.1f}" if each.highest else NOTHING
        rows.append((each.model, each.system, highest, p99, f"{each.closed:,.0f}", each.settings))
    return Sheet("Highest load", head, rows)


def _verdict(name: str, found: list[Rival]) -> Verdict:
    rows = {each.system: each for each in found if each.model == name}
    ours = rows.pop(CLIPPER)
    condition, promise = f"{name}: highest load with p99 ≤ 20 ms", "the highest of all"
    if all(each.failure for each in rows.values()):
        return Verdict(condition, promise, NOT_MEASURED, None)
    best = max(rows.values(), key=lambda each: each.highest)
    ratio = f"{ours.highest / best.highest:.2f} × {best.system}" if best.highest else "no other holds it"
    return Verdict(condition, promise, f"{ours.highest:,.0f}/s: {ratio}", ours.highest > best.highest)
