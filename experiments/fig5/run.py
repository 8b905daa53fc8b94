"""The paper's Fig. 5: an idle replica that waits for company before it begins a batch."""

from dataclasses import dataclass, field

from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import Closed, Opened, closed, opened, saturated
from benchmarks.layer.server import SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.schedule import Phase
from benchmarks.report import Sheet
from experiments.lib import statistics
from experiments.lib.finding import Claim, Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

DELAYS_MS = (0.0, 1.0, 2.0, -1.0)
SHARE, SECONDS, QUICK_SECONDS, WARM_UP_S = 0.5, 6.0, 2.0, 1.0
CONTAINERS = "containers"  # the kind of process, in the benchmarks' readings
PAPER = {0.0: "5,510/s, 5.75", 1.0: "16,452/s, 18", 2.0: "18,454/s, 37"}


@dataclass
class Found:
    """One model, by delay in ms."""

    model: str
    open: dict[float, list[Opened]] = field(default_factory=dict)
    closed: dict[float, list[Closed]] = field(default_factory=dict)

    def cpu_us(self, delay: float) -> list[float]:
        """Of the container for each query, by round."""
        return [
            each.use.cores[CONTAINERS] * each.use.seconds / max(1, each.use.predictions) * 1e6
            for each in self.open[delay]
        ]

    def batch(self, delay: float) -> float:
        return self.open[delay][-1].use.mean_batch

    def rates(self, delay: float) -> list[float]:
        return [each.per_second for each in self.closed[delay]]


def run(setting: Setting) -> Finding:
    """The model it suits, and one that it does not."""
    bench = timed(setting)
    with fresh_folder() as folder, layer(folder) as server:
        found = [_model(bench, server, name) for name in (models.LINEAR, models.KERNEL)]
    return Finding("fig5", _claims(*found), [_table(each) for each in found])


def _model(bench: LayerBench, server: Layer, name: str) -> Found:
    model, options = bench.model(name)
    server.deploy(model, **options)
    shot, found = bench.raw(), Found(name)
    best = saturated(server, shot, bench.seconds)
    phase = Phase(SHARE * best.per_second, QUICK_SECONDS if bench.quick else SECONDS)
    for _ in range(max(2, bench.rounds)):
        for delay in DELAYS_MS:
            server.client.set_model(server.name, batch_delay_ms=delay)
            opened(server, shot, [Phase(phase.rate, WARM_UP_S)])
            found.open.setdefault(delay, []).append(opened(server, shot, [phase]))
            found.closed.setdefault(delay, []).append(closed(server, shot, best.connections, bench.seconds))
    for delay in DELAYS_MS:
        bench.tell(f"{name}, {delay:g} ms: batches of {found.batch(delay):.1f}, {found.cpu_us(delay)} us of CPU each")
    return found


def _claims(suits: Found, other: Found) -> list[Claim]:
    saved = statistics.ratio(suits.cpu_us(0.0), suits.cpu_us(2.0))
    grown = Measured(suits.batch(2.0) / suits.batch(0.0))
    late = max(each.outcome.p99_ms for each in suits.open[2.0])
    lost = statistics.ratio(other.rates(2.0), other.rates(0.0))
    good = min(each.outcome.good_share for each in other.open[2.0])
    return [
        at_least(f"{suits.model}: CPU of the container per query without delay, of that with 2 ms", saved, 2.0, "×"),
        at_least(f"{suits.model}: mean batch with 2 ms, of that without", grown, 2.0, "×"),
        at_most(f"{suits.model}: p99 with 2 ms, end to end", Measured(late), SLO_MS, "ms"),
        at_least(f"{other.model}: throughput with 2 ms, of that without", lost, 0.9, "×"),
        at_least(f"{other.model}: answered in time with 2 ms", Measured(good), 0.99),
    ]


def _table(found: Found) -> Sheet:
    rows = []
    for delay in DELAYS_MS:
        outcome = found.open[delay][-1].outcome
        rows.append(
            (
                "where it pays" if delay < 0 else f"{delay:g} ms",
                f"{found.batch(delay):.1f}",
                statistics.mean(found.cpu_us(delay)).text("µs"),
                f"{outcome.p50_ms:.1f}",
                f"{outcome.p99_ms:.1f}",
                f"{outcome.good_share:.2%}",
                statistics.mean(found.rates(delay)).text(),
                PAPER.get(delay, "–") if found.model == models.LINEAR else "–",
            )
        )
    rate = found.open[0.0][-1].outcome.sent / found.open[0.0][-1].outcome.seconds
    head = ("delay", "mean batch", "container CPU per query", "p50, ms", "p99, ms", "in time", "closed loop, answers/s",
            "the paper's: per second, mean batch")  # fmt: skip
    return sheet(f"{found.model}, {rate:,.0f} queries/s", head, rows)
