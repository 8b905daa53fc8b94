"""More queries than a model can answer: how many it answers still, and how soon the others get their default output."""

from dataclasses import dataclass

from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import Closed, Opened, closed, opened, saturated, who_bounds
from benchmarks.layer.server import SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.schedule import Phase
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_least, at_most
from benchmarks.targets import Verdict

MODELS = (models.FOREST, models.KERNEL)
OVERLOADS = (2, 5)
WARM_UP_S = 2.0
OF_CAPACITY, DEFAULT_MS = 0.95, 5.0


@dataclass(frozen=True)
class Overload:
    """One model, offered `times` what it can answer."""

    model: str
    times: int
    capacity: Closed
    result: Opened

    @property
    def share(self) -> float:
        """Answered by the model inside the objective, of its capacity."""
        return self.result.outcome.good_per_second / max(self.capacity.per_second, 1e-9)


def measure(bench: LayerBench) -> Section:
    """The capacity of each model, then each overload."""
    shot = bench.raw()
    found = []
    with fresh_folder() as folder, layer(folder) as server:
        for name in MODELS:
            model, options = bench.model(name)
            server.deploy(model, **options)
            warm = saturated(server, shot, WARM_UP_S)
            for times in OVERLOADS:
                rounds = [_round(bench, server, warm.connections, name, times) for _ in range(bench.rounds)]
                found.append(sorted(rounds, key=lambda each: each.share)[len(rounds) // 2])
    return Section(
        "overload",
        "Overload",
        "Poisson arrivals at a multiple of what the model answered right before in a closed loop with its defaults; "
        "of the rounds the median counts. A query that cannot make its deadline is to be told so at once. Latencies "
        "count from the moment a query was due.",
        [_sheet(found)],
        [verdict for each in found for verdict in _verdicts(each)],
        [_plot(found)],
    )


def _round(bench: LayerBench, server: Layer, connections: int, name: str, times: int) -> Overload:
    shot = bench.raw()
    capacity = closed(server, shot, connections, bench.seconds)
    rate = times * max(1.0, capacity.per_second)
    opened(server, shot, [Phase(rate, WARM_UP_S / 2)])
    found = Overload(name, times, capacity, opened(server, shot, [Phase(rate, bench.seconds)]))
    bench.tell(f"{name}, {times} x {capacity.per_second:,.0f}/s: {found.share:.0%} of capacity")
    return found


def _verdicts(each: Overload) -> list[Verdict]:
    condition = f"{each.model}, {each.times} × its capacity"
    median_ms = each.result.outcome.default_p50_ms
    return [
        at_least(f"{condition}: answered by the model inside 20 ms", each.share, OF_CAPACITY, "× capacity"),
        at_most(
            f"{condition}: default outputs, median",
            median_ms if each.result.outcome.defaults else None,
            DEFAULT_MS,
            "ms",
        ),
    ]


def _sheet(found: list[Overload]) -> Sheet:
    answered = ("by the model inside 20 ms, per s", "defaults", "their median, ms", "errors")
    head = ("model", "capacity, answers/s", "offered/s", *answered, "generator late by (p99), ms", "cores in use")
    rows: list[tuple[str, ...]] = []
    for each in found:
        outcome = each.result.outcome
        rows.append((
            each.model,
            f"{each.capacity.per_second:,.0f}",
            f"{outcome.sent / outcome.seconds:,.0f}",
            f"{outcome.good_per_second:,.0f}",
            f"{outcome.defaults / max(1, outcome.sent):.1%}",
            f"{outcome.default_p50_ms:.1f}",
            str(outcome.errors),
            f"{outcome.late_sends_p99_ms:.1f}",
            who_bounds(each.result.cores),
        ))  # fmt: skip
    return Sheet("Overload", head, rows)


def _plot(found: list[Overload]) -> Plot:
    lines = []
    for each in found:
        trace = each.result.trace
        latency_ms = sorted(trace.latency_ms[trace.kind == 2].tolist())
        step = max(1, len(latency_ms) // 200)
        shares = [(n + 1) / len(latency_ms) for n in range(len(latency_ms))]
        lines.append(Line(f"{each.model}, {each.times} ×", latency_ms[::step], shares[::step]))
    limits = [(f"{DEFAULT_MS:g} ms, by half of them", DEFAULT_MS), ("objective", SLO_MS)]
    return Plot(
        "overload", "How soon default outputs come", "latency, ms", "share of them", lines, marks=limits, log_x=True
    )
