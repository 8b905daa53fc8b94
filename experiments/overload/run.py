"""More queries than an ensemble can answer: steadily, and replayed from the traces of real services."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from benchmarks.bodies import Shot
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import saturated
from benchmarks.layer.server import SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.run import in_turn, open_loop, scheduled
from benchmarks.openloop.schedule import Phase
from benchmarks.section import Line, Plot
from benchmarks.selection.cases.fig9 import digit_shot
from benchmarks.selection.cases.shedding import BAGS, FEEDBACKS, Answers, deploy_members, link
from benchmarks.selection.digit_models import fitted
from clipper.cli.bench.traces import replay
from experiments.lib import statistics
from experiments.lib.data import AZURE_CODE, TWITTER
from experiments.lib.finding import Claim, Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

LOADS, QUICK_LOADS = (0.5, 1.0, 2.0, 3.0, 5.0), (0.5, 2.0)
SECONDS, QUICK_SECONDS = 15.0, 3.0
TRACE_S, QUICK_TRACE_S = 45.0, 5.0
TRACES, TRACE_SHARE = {"Twitter": TWITTER, "Azure LLM code": AZURE_CODE}, 0.8
IN_TIME = 0.99


class Stage:
    """A server with the ensemble, and what to ask it."""

    def __init__(self, bench: LayerBench, server: Layer) -> None:
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(labels))
        images, labels = images[order], labels[order].astype(np.int64)
        half, rng = len(labels) // 2, np.random.default_rng(1)
        bags = [rng.choice(half, size, replace=False) for size in BAGS]
        models = [fitted(LogisticRegression(max_iter=200), images[bag], labels[bag]) for bag in bags]
        self.alone = max(float((model.predict(images[half:]) == labels[half:]).mean()) for model in models)
        self.labels: NDArray[np.int64] = labels[half:]
        self.port = server.port
        deploy_members(server, models)
        link(server, "slow", ["member-1"])
        link(server, "all", [f"member-{n}" for n in range(len(BAGS))])
        slow = digit_shot(bench, "slow", "/slow/predict", images[half:], None)
        self.capacity = saturated(server, slow, 2.0).per_second
        in_turn(server.port, digit_shot(bench, "taught", "/all/update", images[half:], self.labels), FEEDBACKS, 8)
        self.shot: Shot = digit_shot(bench, "all", "/all/predict", images[half:], None)

    def steady(self, times: float, seconds: float) -> Answers:
        """At a multiple of the capacity."""
        rate = times * self.capacity
        open_loop(self.port, self.shot, [Phase(rate, 1.0)])
        return Answers(open_loop(self.port, self.shot, [Phase(rate, seconds)], keep_replies=True), self.labels)

    def replayed(self, path: Path, seconds: float) -> Answers:
        """As it came to somebody else."""
        due = replay(path, TRACE_SHARE * self.capacity, 0.0, seconds, np.random.default_rng(0))
        most = float(np.bincount((due * 10).astype(int)).max() * 10)
        return Answers(scheduled(self.port, self.shot, due, most, keep_replies=True), self.labels)


def run(setting: Setting) -> Finding:
    """Loads, then traces."""
    bench = timed(setting)
    found: dict[str, Answers] = {}
    with fresh_folder() as folder, layer(folder) as server:
        stage = Stage(bench, server)
        for times in setting.choose(LOADS, QUICK_LOADS):
            found[f"{times:g} × the capacity"] = stage.steady(times, setting.choose(SECONDS, QUICK_SECONDS))
        for name, trace in TRACES.items():
            seconds = setting.choose(TRACE_S, QUICK_TRACE_S)
            found[f"{name}, {TRACE_SHARE:g} × on average"] = stage.replayed(setting.data.path(trace), seconds)
    for name, each in found.items():
        setting.tell(f"{name}: {each.in_time:.2f} % in time, {each.right:.1f} % right")
    rows = [
        (
            name,
            f"{len(each.trace.due):,}",
            f"{each.in_time:.2f} %",
            f"{each.right:.1f} %",
            f"{each.members:.2f}",
            f"{float(np.nanquantile(each.trace.latency_ms, 0.99)):.1f}",
        )
        for name, each in found.items()
    ]
    head = ("load", "queries", "by a model in time", "right, of all", "members per query", "p99, ms")
    title = f"Capacity {stage.capacity:,.0f}/s; the best member alone is right in {stage.alone:.1%}"
    claims = [claim for name, each in found.items() for claim in _claims(name, each, stage.alone)]
    return Finding("overload", claims, [sheet(title, head, rows)], [_plot(found)])


def _claims(name: str, answers: Answers, alone: float) -> list[Claim]:
    good = answers.trace.good(SLO_MS)
    latencies = answers.trace.latency_ms
    p99 = statistics.quantile(np.nan_to_num(latencies, nan=np.inf), 0.99)
    return [
        at_least(
            f"{name}: answered by a model within {SLO_MS:g} ms", statistics.share(int(good.sum()), len(good)), IN_TIME
        ),
        at_most(f"{name}: p99", p99, SLO_MS, "ms"),
        at_least(
            f"{name}: right, less what the best member is when idle", Measured(answers.right / 100 - alone), -0.02
        ),
    ]


def _plot(found: dict[str, Answers]) -> Plot:
    loads = {float(name.partition(" ")[0]): each for name, each in found.items() if name[0].isdigit()}
    x = list(loads)
    lines = [
        Line("answered by a model in time", x, [each.in_time for each in loads.values()]),
        Line("right", x, [each.right for each in loads.values()]),
        Line("members asked, of five", x, [20 * each.members for each in loads.values()]),
    ]
    return Plot("overload", "An ensemble under load", "load, of the capacity", "%", lines)
