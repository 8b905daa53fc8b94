"""The paper's Fig. 9: ensembles of forests, answered by the deadline with who is there; and blocking beside it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from benchmarks.bench import Bench
from benchmarks.openloop.run import in_turn, open_loop
from benchmarks.openloop.schedule import Phase
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot
from benchmarks.selection.cases.fig9 import Size, digit_shot
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.data import MNIST
from experiments.lib.finding import Claim, Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

SIZES, QUICK_SIZES = (1, 2, 4, 8, 12, 16), (1, 4)
SLO_MS, BLOCKING_MS = 20.0, 5000.0
TREES, DEPTH, BAG = 10, 16, 3000
RATE, SECONDS, QUICK_SECONDS, WARM_UP_S = 25.0, 20.0, 4.0, 2.0
FEEDBACKS, ASKED = 200, 1000
POLICY = "jury"
NOISE = 2.0  # points of accuracy that two sizes may differ by chance, of some hundred queries
PAPER = {1: (17.0, 17), 2: (17.0, 65), 4: (17.1, 191), 8: (17.4, 231), 12: (20.0, 199), 16: (25.9, 193)}


@dataclass(frozen=True)
class Both:
    """One ensemble with the deadline, and waited for."""

    ours: Size
    blocking: Size


def run(setting: Setting) -> Finding:
    """All sizes on one server."""
    bench, sizes = timed(setting), setting.choose(SIZES, QUICK_SIZES)
    with np.load(setting.data.path(MNIST)) as file:
        train, labels = file["x_train"].reshape(-1, 784), file["y_train"].astype(np.int64)
        asked, truth = file["x_test"].reshape(-1, 784)[:ASKED], file["y_test"][:ASKED].astype(np.int64)
    found = []
    with cluster() as running:
        for number, forest in enumerate(forests(train, labels, max(sizes))):
            running.client.deploy_model(f"forest-{number}", 1, forest)
        for size in sizes:
            both = Both(*(_size(bench, running, size, slo, asked, truth) for slo in (SLO_MS, BLOCKING_MS)))
            found.append(both)
            setting.tell(
                f"{size}: p99 {both.ours.latency_ms(0.99):.1f} ms, blocking {both.blocking.latency_ms(0.99):.1f} ms"
            )
    return Finding("fig9", _claims(found), [_table(found)], _plots(found))


def forests(images: NDArray[np.generic], labels: NDArray[np.int64], count: int) -> list[Any]:
    """Each has learned from images of its own."""
    rng = np.random.default_rng(0)
    made = []
    for seed in range(count):
        bag = rng.choice(len(labels), BAG)
        forest = RandomForestClassifier(TREES, max_depth=DEPTH, random_state=seed, n_jobs=1)
        made.append(forest.fit(images[bag].astype(np.float64), labels[bag]))
    return made


def _size(
    bench: Bench, running: Cluster, size: int, slo_ms: float, asked: NDArray[np.float64], truth: NDArray[np.int64]
) -> Size:
    app = f"of-{size}-{slo_ms:.0f}"
    running.application(app, [f"forest-{n}" for n in range(size)], "doubles", slo_ms=slo_ms, policy=POLICY)
    running.wait_for(app, asked[0].tolist())
    in_turn(running.port, digit_shot(bench, f"{app}-taught", f"/{app}/update", asked, truth), FEEDBACKS, 4)
    shot = digit_shot(bench, app, f"/{app}/predict", asked, None)
    open_loop(running.port, shot, [Phase(RATE, WARM_UP_S)])
    seconds = QUICK_SECONDS if bench.quick else SECONDS
    return Size(size, open_loop(running.port, shot, [Phase(RATE, seconds)], keep_replies=True), truth, seconds)


def _claims(found: list[Both]) -> list[Claim]:
    worst = max((each.ours for each in found), key=lambda each: each.latency_ms(0.99))
    most = np.maximum.accumulate([each.ours.accuracy for each in found])
    falls = [float(best - each.ours.accuracy) for best, each in zip(most, found, strict=True)]
    complete = max(each.ours.complete_ms for each in found)
    last = found[-1]
    return [
        at_most(f"p99 at the worst of all sizes ({worst.members} members)", _p99(worst), SLO_MS, "ms"),
        at_most("accuracy, when members are added: the largest fall", Measured(max(falls)), NOISE, "points"),
        at_most(
            "answers with nobody missing: their median, at the worst of all sizes", Measured(complete), SLO_MS, "ms"
        ),
        at_least(
            f"blocking: its p99 with {last.blocking.members} members, of ours",
            Measured(last.blocking.latency_ms(0.99) / last.ours.latency_ms(0.99)),
            1.5,
            "×",
        ),
    ]


def _p99(size: Size) -> Measured:
    latencies = size.trace.latency_ms
    return statistics.quantile(latencies[~np.isnan(latencies)], 0.99)


def _table(found: list[Both]) -> Sheet:
    rows = [
        (
            each.ours.members,
            f"{each.ours.latency_ms(0.5):.1f}",
            _p99(each.ours).text(),
            f"{each.ours.in_time:.2f}",
            f"{each.ours.accuracy:.1f} %",
            f"{each.blocking.latency_ms(0.99):.1f}",
            f"{each.blocking.accuracy:.1f} %",
            " / ".join(map(str, PAPER.get(each.ours.members, ("–",)))),
        )
        for each in found
    ]
    head = ("members", "p50, ms", "p99, ms", "in time or not needed", "right", "blocking: p99, ms", "right",
            "the paper's p99: Clipper / blocking, ms")  # fmt: skip
    return sheet("Forests on MNIST", head, rows)


def _plots(found: list[Both]) -> list[Plot]:
    sizes = [float(each.ours.members) for each in found]
    lines = [
        Line("p99", sizes, [each.ours.latency_ms(0.99) for each in found]),
        Line("median", sizes, [each.ours.latency_ms(0.5) for each in found]),
        Line("blocking, p99", sizes, [each.blocking.latency_ms(0.99) for each in found]),
    ]
    limits = [("objective", SLO_MS)]
    right = [Line(POLICY, sizes, [each.ours.accuracy for each in found])]
    return [
        Plot("fig9", "Ensembles of forests", "members", "latency, ms", lines, limits=limits, log_y=True),
        Plot("fig9-accuracy", "Their accuracy", "members", "right, %", right),
    ]
