"""What issue and design promise, against what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cases import Cell, Inputs, Model
from benchmarks.memory import Memory
from benchmarks.openloop.trace import Outcome
from benchmarks.rounds import Results

CLIPPER, NGINX, ECHO, NEAREST = "clipper", "nginx", "echo", "mosec"
OTHERS = ("mlserver", "litserve", "bentoml", "ray_serve")

NOT_MEASURED = "not measured"


@dataclass
class Extras:
    """What is measured of Clipper alone. None or empty: not measured."""

    slo: Outcome | None = None
    slo_rate: float = 0.0
    memory: Memory | None = None
    startups_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """One promise. `reached` is None if it was not measured."""

    condition: str
    promise: str
    measured: str
    reached: bool | None

    @property
    def word(self) -> str:
        return NOT_MEASURED if self.reached is None else "reached" if self.reached else "NOT reached"


def verdicts(results: Results, extras: Extras) -> list[Verdict]:
    """All promises, in the order in which they were made."""
    different = "64 connections, every input different"
    hits = "64 connections, cache hits"
    return [
        _throughput(results, different, Inputs.DIFFERENT, NEAREST, Inputs.DIFFERENT, 2.5),
        *(_throughput(results, different, Inputs.DIFFERENT, name, Inputs.DIFFERENT, 10) for name in OTHERS),
        _throughput(results, different, Inputs.DIFFERENT, NGINX, Inputs.DIFFERENT, 0.4),
        _throughput(results, hits, Inputs.SAME, NEAREST, Inputs.DIFFERENT, 3),
        _throughput(results, hits, Inputs.SAME, NGINX, Inputs.SAME, 0.5),
        _latency(results),
        _slo(extras),
        _memory(extras),
        _startup(extras),
    ]


def _ratios(
    results: Results, ours: tuple[int, Inputs], name: str, theirs: Inputs
) -> list[tuple[Model, Cell, Cell]] | None:
    """Our cell and theirs for both models, or None if one is missing."""
    connections, inputs = ours
    pairs = [
        (model, results.cell(CLIPPER, model, connections, inputs), results.cell(name, model, connections, theirs))
        for model in Model
    ]
    known = [(model, mine, other) for model, mine, other in pairs if mine is not None and other is not None]
    return known if len(known) == len(pairs) else None


def _each(values: Sequence[tuple[Model, float]], unit: str = "×") -> str:
    return ", ".join(f"{value:.2f} {unit} ({model})" for model, value in values)


def _throughput(results: Results, condition: str, ours: Inputs, name: str, theirs: Inputs, least: float) -> Verdict:
    promise = f"≥ {least:g} × {name}"
    pairs = _ratios(results, (64, ours), name, theirs)
    if pairs is None:
        return Verdict(condition, promise, results.failures.get(name, NOT_MEASURED)[:60], None)
    ratios = [(model, mine.per_second / max(other.per_second, 1e-9)) for model, mine, other in pairs]
    return Verdict(condition, promise, _each(ratios), min(ratio for _, ratio in ratios) >= least)


def _latency(results: Results) -> Verdict:
    condition, promise = "1 connection, median latency", "≤ 2 × the uvicorn echo's"
    pairs = _ratios(results, (1, Inputs.DIFFERENT), ECHO, Inputs.DIFFERENT)
    if pairs is None:
        return Verdict(condition, promise, NOT_MEASURED, None)
    ratios = [(model, mine.p50_us / max(other.p50_us, 1e-9)) for model, mine, other in pairs]
    return Verdict(condition, promise, _each(ratios), max(ratio for _, ratio in ratios) <= 2)


def _slo(extras: Extras) -> Verdict:
    promise = "≥ 99.9 % inside 20 ms, no defaults"
    if extras.slo is None:
        return Verdict("half of that load, Poisson arrivals", promise, NOT_MEASURED, None)
    slo = extras.slo
    measured = (
        f"{slo.good_share:.3%} inside, {slo.defaults} defaults, {slo.errors} errors of {slo.sent:,}; "
        f"p50 {slo.p50_ms:.2f}, p99 {slo.p99_ms:.2f}, p99.9 {slo.p999_ms:.2f} ms"
    )
    condition = f"{extras.slo_rate:,.0f} queries/s, Poisson arrivals"
    return Verdict(condition, promise, measured, slo.good_share >= 0.999 and slo.defaults == 0)


def _memory(extras: Extras) -> Verdict:
    promise = "frontend's memory flat (± 5 %)"
    if extras.memory is None:
        return Verdict("2 million queries", promise, NOT_MEASURED, None)
    memory = extras.memory
    measured = f"{memory.sizes[0] / 1e6:.1f} → {memory.sizes[-1] / 1e6:.1f} MB ({memory.growth:+.1%})"
    return Verdict(f"{memory.queries[-1]:,} queries", promise, measured, abs(memory.growth) <= 0.05)


def _startup(extras: Extras) -> Verdict:
    condition, promise = "first prediction after `clipper serve`", "< 3 s, one scikit-learn model"
    if not extras.startups_s:
        return Verdict(condition, promise, NOT_MEASURED, None)
    measured = ", ".join(f"{seconds:.2f}" for seconds in extras.startups_s) + " s"
    return Verdict(condition, promise, measured, max(extras.startups_s) < 3)
