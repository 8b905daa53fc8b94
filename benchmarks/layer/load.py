"""Loading a server for a case, and what it cost whom."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bodies import Shot
from benchmarks.layer.server import SLO_MS, Layer, Use
from benchmarks.load import replay
from benchmarks.openloop.run import open_loop
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import Outcome, Trace

GENERATOR = "load generator"
FEWEST, MOST = 2, 1024  # connections of a closed loop
IN_FLIGHT = 0.8  # of what the objective allows: with more the queue alone would use it up
FIRST_GUESS = 2000.0  # answers/s
PROBE_S = 1.0
MOST_PROBES = 6
NEAR = 0.25  # two numbers of connections that differ by less are the same


@dataclass(frozen=True)
class Closed:
    """A closed loop: as many requests under way as there are connections."""

    connections: int
    per_second: float  # answered by the model
    p50_ms: float
    p99_ms: float
    use: Use
    cores: dict[str, float]  # of CPU, with the generator's

    @property
    def computed_per_second(self) -> float:
        """By the model, those that came too late included."""
        return max(self.per_second, self.use.predictions / self.use.seconds)


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


def saturated(layer: Layer, shot: Shot, seconds: float, guess: float, slo_ms: float = SLO_MS) -> Closed:
    """With as many connections as the objective allows for the throughput there is; `guess` is a first one.

    They decide about each other, so it takes some probes.
    """
    connections = connections_for(guess, slo_ms)
    for _ in range(MOST_PROBES):
        found = closed(layer, shot, connections, PROBE_S)
        before, connections = connections, connections_for(found.computed_per_second, slo_ms)
        if abs(connections - before) <= NEAR * before:
            break
    return closed(layer, shot, connections, seconds)


def connections_for(rate: float, slo_ms: float) -> int:
    """How many requests may be under way if answers come at that rate and are to come inside the objective."""
    return round(min(MOST, max(FEWEST, IN_FLIGHT * rate * slo_ms / 1000)))


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
