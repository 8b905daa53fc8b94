"""Loading a server for a case, and what it cost whom."""

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.bodies import Shot
from benchmarks.layer.server import SLO_MS, Layer, Use
from benchmarks.load import replay
from benchmarks.openloop.run import open_loop
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import Outcome, Trace

GENERATOR = "load generator"
FEWEST, FIRST, MOST = 2, 32, 1024  # connections of a closed loop
PROBE_S = 1.0
GAIN = 1.05  # of the throughput: less is not worth twice the connections


@dataclass(frozen=True)
class Closed:
    """A closed loop: as many requests under way as there are connections."""

    connections: int
    per_second: float  # answered by the model
    p50_ms: float
    p99_ms: float
    use: Use
    cores: dict[str, float]  # of CPU, with the generator's


def closed(layer: Layer, shot: Shot, connections: int, seconds: float) -> Closed:
    """One measurement. Answers that are default outputs do not count."""
    before, own = layer.read(), _children_cpu_s()
    sample = replay(layer.port, shot, connections, seconds)
    use, own = layer.use(before), _children_cpu_s() - own
    good = max(0, sample.requests - use.defaults)
    return Closed(
        connections,
        sample.per_second * good / max(1, sample.requests),
        sample.p50_us / 1000,
        sample.p99_us / 1000,
        use,
        use.cores | {GENERATOR: own / use.seconds},
    )


def saturated(layer: Layer, shot: Shot, seconds: float, connections: int = FIRST) -> Closed:
    """With the number of connections that is best: more are answered too late, with fewer the model has to wait."""

    def answers_per_second(connections: int) -> float:
        return closed(layer, shot, connections, PROBE_S).per_second

    answers_per_second(connections)  # what the first batches teach is not to decide
    return closed(layer, shot, best_connections(answers_per_second, connections), seconds)


def best_connections(answers_per_second: Callable[[int], float], first: int) -> int:
    """Doubled as long as that is worth it; halved as long as that costs nothing, if doubling is not."""
    best, most = first, answers_per_second(first)
    while best * 2 <= MOST and (more := answers_per_second(best * 2)) > most * GAIN:
        best, most = best * 2, more
    while best == first and first // 2 >= FEWEST and (same := answers_per_second(first // 2)) >= most:
        best = first = first // 2
        most = same
    return best


@dataclass(frozen=True)
class Opened:
    """An open loop: Poisson arrivals."""

    trace: Trace
    outcome: Outcome
    use: Use
    cores: dict[str, float]


def opened(layer: Layer, shot: Shot, phases: Sequence[Phase], slo_ms: float = SLO_MS) -> Opened:
    """One run of all phases."""
    seconds = sum(phase.seconds for phase in phases)
    before = layer.read()
    trace = open_loop(layer.port, shot, phases)
    use = layer.use(before)
    scale = use.seconds / seconds  # the readings are further apart than the run was long
    cores = {name: value * scale for name, value in use.cores.items()}
    return Opened(trace, trace.outcome(slo_ms, seconds), use, cores | {GENERATOR: trace.cpu_s / seconds})


def who_bounds(cores: dict[str, float]) -> str:
    """The shares of the processors, as text."""
    return ", ".join(f"{name} {value:.2f}" for name, value in cores.items() if value >= 0.005)


def middle(values: Sequence[Closed]) -> Closed:
    """The round whose throughput is the median (of an even number, the one above)."""
    return sorted(values, key=lambda each: each.per_second)[len(values) // 2]


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
