"""The paper's Fig. 4: throughput by batching strategy, and what each does to the latency end to end."""

from dataclasses import dataclass, field

from benchmarks.bodies import Shot
from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import FIRST, Closed, Opened, closed, opened, saturated
from benchmarks.layer.server import SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.schedule import Phase
from experiments.lib import statistics
from experiments.lib.finding import Claim, Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

STRATEGIES = ("deadline", "aimd", "quantile", "none")
QUICK_MODELS = (models.LINEAR, models.FOREST)
OVER_NONE = {models.LINEAR: 2.0, models.LOGISTIC: 2.0, models.FOREST: 20.0, models.KERNEL: 0.9}
PAPER = {
    models.NOOP: "5.4", models.LINEAR: "25.5", models.LOGISTIC: "24.6", models.FOREST: "72", models.KERNEL: "0.98",
}  # fmt: skip
PAPER_P99 = {models.NOOP: 20.4, models.LINEAR: 20.2, models.LOGISTIC: 20.5, models.FOREST: 20.8, models.KERNEL: 28.8}
OPEN_SHARE, WARM_UP_S, OPEN_S = 0.8, 1.0, 5.0
GOOD = 0.99
FEWEST = 30  # queries that say something about a slow model


@dataclass
class Found:
    """One model: closed-loop rounds by strategy, and an open loop."""

    model: str
    rounds: dict[str, list[Closed]] = field(default_factory=dict)
    open: dict[str, Opened] = field(default_factory=dict)

    def rates(self, strategy: str) -> list[float]:
        """Answers by the model per second, of each round."""
        return [each.per_second for each in self.rounds[strategy]]


def run(setting: Setting) -> Finding:
    """All models on one server."""
    bench = timed(setting)
    shot = bench.raw()
    with fresh_folder() as folder, layer(folder) as server:
        found = [_model(bench, server, shot, name) for name in setting.choose(models.ALL, QUICK_MODELS)]
    rows = []
    for each in found:
        for strategy in STRATEGIES:
            outcome = each.open[strategy].outcome
            ratio = statistics.ratio(each.rates(strategy), each.rates("none"))
            rows.append(
                (
                    each.model,
                    strategy,
                    statistics.mean(each.rates(strategy)).text(),
                    f"{each.rounds[strategy][-1].use.mean_batch:.1f}",
                    ratio.text("×"),
                    PAPER.get(each.model, "–") if strategy == "aimd" else "–",
                    f"{outcome.p99_ms:.1f}",
                    f"{outcome.good_share:.2%}",
                    PAPER_P99.get(each.model, "–") if strategy == "aimd" else "–",
                )
            )
    head = ("model", "strategy", "answers/s", "mean batch", "of `none`", "the paper's", "open: p99 end to end, ms",
            "in time", "the paper's p99 of the model")  # fmt: skip
    return Finding("fig4", [claim for each in found for claim in _claims(each)], [sheet("Strategies", head, rows)])


def _model(bench: LayerBench, server: Layer, shot: Shot, name: str) -> Found:
    model, options = bench.model(name)
    server.deploy(model, **options)
    found, connections = Found(name), dict.fromkeys(STRATEGIES, FIRST)
    for number in range(max(2, bench.rounds)):
        for strategy in STRATEGIES:
            server.batching(strategy)
            if number == 0:
                result = saturated(server, shot, bench.seconds, FIRST)
                connections[strategy] = result.connections
            else:
                closed(server, shot, connections[strategy], WARM_UP_S)
                result = closed(server, shot, connections[strategy], bench.seconds)
            found.rounds.setdefault(strategy, []).append(result)
            bench.tell(f"{name}, {strategy}: {result.per_second:,.0f}/s")
    for strategy in STRATEGIES:
        server.batching(strategy)
        rate = max(1.0, OPEN_SHARE * min(found.rates(strategy)))
        opened(server, shot, [Phase(rate, WARM_UP_S)])
        seconds = max(1.0 if bench.quick else OPEN_S, FEWEST / rate)
        found.open[strategy] = opened(server, shot, [Phase(rate, seconds)])
    return found


def _claims(found: Found) -> list[Claim]:
    trace = found.open["deadline"].trace
    claims = []
    if found.model in OVER_NONE:
        ratio = statistics.ratio(found.rates("deadline"), found.rates("none"))
        text = f"{found.model}: throughput of `deadline`, of `none`'s (the paper's AIMD: {PAPER[found.model]})"
        claims.append(at_least(text, ratio, OVER_NONE[found.model], "×"))
    good = statistics.share(int(trace.good(SLO_MS).sum()), len(trace.due))
    p99 = Measured(found.open["deadline"].outcome.p99_ms)
    return [
        *claims,
        at_most(f"{found.model}: p99 of `deadline`, end to end", p99, SLO_MS, "ms"),
        at_least(f"{found.model}: answered by the model within 20 ms", good, GOOD),
    ]
