"""Batch sizes: a sweep of fixed ones, what the controllers reach beside the best of them, and without batching."""

from dataclasses import dataclass, field

from benchmarks.bodies import Shot
from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import FIRST, Closed, Opened, closed, middle, opened, saturated, who_bounds
from benchmarks.layer.server import SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import ideal_share
from benchmarks.report import Sheet
from benchmarks.section import NOTHING, Line, Plot, Section, at_least
from benchmarks.targets import Verdict

SIZES = (1, 4, 16, 32, 64, 128, 256, 512, 1024)
QUICK_SIZES = (1, 16, 128)
FALLS = 2  # so many larger sizes that are worse end the sweep
SWEEP_S, WARM_UP_S = 2.0, 1.0
OPEN_SHARE = 0.9
CONTROLLERS = ("deadline", "aimd", "quantile", "none")
OF_BEST = {"deadline": 0.95, "aimd": 0.9}
OVER_NONE = {models.LINEAR: 2.5, models.LOGISTIC: 2.5, models.FOREST: 40.0, models.KERNEL: 1.0}
MODEL_BOUND = (models.FOREST, models.KERNEL)  # where a container that idles would cost throughput
IDLE = 0.05
FIXED = "fixed"


@dataclass(frozen=True)
class AtLoad:
    """Poisson arrivals at most of what was answered right before: hosts change their speed within minutes."""

    full: Closed
    result: Opened

    @property
    def ideal(self) -> float:
        """The share that no server of that speed could exceed."""
        return ideal_share(self.result.trace.due, self.full.per_second, SLO_MS)


@dataclass
class Batching:
    """One model. Rates are answers by the model per second."""

    model: str
    sweep: dict[int, Closed] = field(default_factory=dict)
    rounds: dict[str, list[Closed]] = field(default_factory=dict)
    open: dict[str, AtLoad] = field(default_factory=dict)

    @property
    def best(self) -> int:
        """The fixed size with the highest throughput."""
        return max(self.sweep, key=lambda size: self.sweep[size].per_second)

    def reached(self, controller: str) -> Closed | None:
        """Its median round."""
        rounds = self.rounds.get(controller)
        return middle(rounds) if rounds else None

    def ratio(self, controller: str, other: str) -> float | None:
        """Of two throughputs, both medians of interleaved rounds."""
        mine, theirs = self.reached(controller), self.reached(other)
        return mine.per_second / theirs.per_second if mine and theirs and theirs.per_second else None


def measure(bench: LayerBench) -> Section:
    """All models, one after the other, on one server."""
    shot = bench.raw()
    with fresh_folder() as folder, layer(folder) as server:
        found = [_model(bench, server, shot, name) for name in models.ALL]
    return Section(
        "batching",
        "Batch sizes, learned and fixed",
        "Raw doubles, 784 of them, every input different. A sweep finds the best fixed batch size; then it and each "
        "controller are measured in turn, in rounds; a controller begins with nothing learned, and has some load "
        "before it counts. Open loop: Poisson arrivals at 90 % of what the controller reached in a closed loop right "
        "before, in rounds, of which the median counts. The *ideal* is a bound: a server as fast that answers queries "
        "one by one and drops who would be late at no cost.",
        [_rates(found), _latencies(found), _bounds(found)],
        [*_verdicts(found)],
        [_plot(found)],
    )


def _model(bench: LayerBench, server: Layer, shot: Shot, name: str) -> Batching:
    model, options = bench.model(name)
    server.deploy(model, **options)
    found = Batching(name)
    connections, falls = FIRST, 0
    for size in QUICK_SIZES if bench.quick else SIZES:
        server.batching(FIXED, size)
        result = saturated(server, shot, min(SWEEP_S, bench.seconds), connections)
        bench.tell(f"{name}, batches of {size}: {result.per_second:,.0f}/s")
        best = max((each.per_second for each in found.sweep.values()), default=0.0)
        falls = falls + 1 if result.per_second < best else 0
        found.sweep[size] = result
        connections = result.connections
        if falls == FALLS:
            break
    for number in range(bench.rounds):
        for controller in (FIXED, *CONTROLLERS):
            _set(server, found, controller)
            result = _round(bench, server, shot, found, controller)
            bench.tell(f"{name}, {controller}, round {number + 1}: {result.per_second:,.0f}/s")
            found.rounds.setdefault(controller, []).append(result)
    for controller in OF_BEST:
        _open(bench, server, shot, found, controller)
    return found


def _round(bench: LayerBench, server: Layer, shot: Shot, found: Batching, controller: str) -> Closed:
    """The first round of a controller finds its number of connections, which the others keep."""
    rounds = found.rounds.get(controller)
    known = rounds[0] if rounds else found.sweep[1 if controller == "none" else found.best]
    closed(server, shot, known.connections, WARM_UP_S)
    if rounds:
        return closed(server, shot, known.connections, bench.seconds)
    return saturated(server, shot, bench.seconds, known.connections)


def _set(server: Layer, found: Batching, controller: str) -> None:
    server.batching(controller, found.best if controller == FIXED else -1)


def _open(bench: LayerBench, server: Layer, shot: Shot, found: Batching, controller: str) -> None:
    reached = found.reached(controller)
    assert reached is not None
    _set(server, found, controller)
    rounds = []
    for _ in range(bench.rounds):
        closed(server, shot, reached.connections, WARM_UP_S)
        full = closed(server, shot, reached.connections, min(SWEEP_S, bench.seconds))
        rate = OPEN_SHARE * max(full.per_second, 1.0)
        opened(server, shot, [Phase(rate, WARM_UP_S)])
        rounds.append(AtLoad(full, opened(server, shot, [Phase(rate, bench.seconds)])))
        outcome = rounds[-1].result.outcome
        bench.tell(
            f"{found.model}, {controller}, {rate:,.0f}/s: p99 {outcome.p99_ms:.1f} ms, {outcome.good_share:.1%} good, "
            f"ideal {rounds[-1].ideal:.1%}"
        )
    found.open[controller] = sorted(rounds, key=lambda each: each.result.outcome.good_share)[len(rounds) // 2]


def _verdicts(found: list[Batching]) -> list[Verdict]:
    verdicts = []
    for each in found:
        for controller, target in OF_BEST.items():
            condition = f"{each.model}: `{controller}` against the best fixed batch ({each.best})"
            verdicts.append(at_least(condition, each.ratio(controller, FIXED), target))
            verdicts.append(_inside(each, controller))
    for each in found:
        if each.model in OVER_NONE:
            bound = each.reached("deadline")
            detail = f"; cores: {who_bounds(bound.cores)}" if bound else ""
            condition = f"{each.model}: batching against `none`"
            verdicts.append(at_least(condition, each.ratio("deadline", "none"), OVER_NONE[each.model], "×", detail))
    for each in found:
        reached = each.reached("deadline")
        if each.model in MODEL_BOUND and reached is not None:
            idle = 1 - reached.use.computing
            measured = f"{idle:.1%} of the time between batches"
            verdicts.append(Verdict(f"{each.model}: its container idles", f"≤ {IDLE:.0%}", measured, idle <= IDLE))
    return verdicts


def _inside(each: Batching, controller: str) -> Verdict:
    condition = f"{each.model}: `{controller}` at 90 % of that load, end to end"
    promise = f"p99 ≤ {SLO_MS:g} ms"
    found = each.open.get(controller)
    if found is None:
        return Verdict(condition, promise, "not measured", None)
    outcome = found.result.outcome
    measured = f"p99 {outcome.p99_ms:.1f} ms, {outcome.good_share:.2%} by the model inside (ideal: {found.ideal:.2%})"
    return Verdict(condition, promise, measured, outcome.p99_ms <= SLO_MS and outcome.good_share >= 0.99)


def _rates(found: list[Batching]) -> Sheet:
    head = ("model", "best fixed batch", f"`{FIXED}`, answers/s", *(f"`{name}`" for name in CONTROLLERS), "`none` × …")
    rows: list[tuple[str, ...]] = []
    for each in found:
        ratio = each.ratio("deadline", "none")
        cells = [each.reached(name) for name in (FIXED, *CONTROLLERS)]
        rates = [NOTHING if cell is None else f"{cell.per_second:,.0f}" for cell in cells]
        rows.append((each.model, str(each.best), *rates, NOTHING if ratio is None else f"{ratio:.1f}"))
    return Sheet("Closed loop, answers by the model per second (medians of the rounds)", head, rows)


def _latencies(found: list[Batching]) -> Sheet:
    closed_loop = ("model", "controller", "mean batch", "closed: p99, ms")
    head = (
        *closed_loop,
        "open: queries/s",
        "p50, ms",
        "p99, ms",
        "p99.9, ms",
        "by the model inside 20 ms",
        "cores in use",
    )
    rows: list[tuple[str, ...]] = []
    for each in found:
        for controller in (FIXED, *CONTROLLERS):
            reached, at_load = each.reached(controller), each.open.get(controller)
            if reached is None:
                continue
            row = [each.model, controller, f"{reached.use.mean_batch:.1f}", f"{reached.p99_ms:.1f}"]
            if at_load is not None:
                outcome = at_load.result.outcome
                row += [f"{outcome.sent / outcome.seconds:,.0f}"]
                row += [f"{value:.1f}" for value in (outcome.p50_ms, outcome.p99_ms, outcome.p999_ms)]
                row += [f"{outcome.good_share:.2%}", who_bounds(at_load.result.cores)]
            rows.append((*row, *[NOTHING] * (len(head) - len(row))))
    return Sheet("Batches and latencies, end to end", head, rows)


def _bounds(found: list[Batching]) -> Sheet:
    head = ("model", "`deadline`: cores in use", "container computes")
    rows: list[tuple[str, ...]] = []
    for each in found:
        reached = each.reached("deadline")
        if reached is not None:
            rows.append((each.model, who_bounds(reached.cores), f"{reached.use.computing:.0%} of the time"))
    return Sheet("What bounds it: processors in use in the closed loop, of two", head, rows)


def _plot(found: list[Batching]) -> Plot:
    lines = [Line(each.model, list(each.sweep), [cell.per_second for cell in each.sweep.values()]) for each in found]
    return Plot(
        "batch-sizes",
        "Throughput by fixed batch size",
        "batch size",
        "answers/s inside 20 ms",
        lines,
        log_x=True,
        log_y=True,
    )
