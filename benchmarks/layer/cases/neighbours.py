"""What one model's queries notice of another model that is loaded and stopped beside it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import opened, saturated
from benchmarks.layer.server import SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import Outcome
from benchmarks.report import Sheet
from benchmarks.section import Section, at_most
from clipper.core.errors import ClipperError

LOAD = 0.25  # of the model's capacity: what a neighbour takes is then not what the load takes
NEIGHBOUR = "neighbour"
LOADED = "loaded and stopped"
ROUNDS = 3  # times the suite's: a p99 is of few queries
UNMOVED = 1.25  # times its own p99 without the neighbour; rounds without it differ as much


@dataclass
class Loads:
    """How often the neighbour was loaded and stopped, and why it may have ended."""

    count: int = 0
    error: str = ""


@dataclass
class Rounds:
    """Those with the neighbour, or those without."""

    outcomes: list[Outcome] = field(default_factory=list)

    def middle(self, name: str) -> float:
        return median(float(getattr(each, name)) for each in self.outcomes)


def measure(bench: LayerBench) -> Section:
    """Rounds with and without the neighbour, in turns."""
    shot = bench.raw()
    neighbour, _ = bench.model(models.FOREST)
    found = {False: Rounds(), True: Rounds()}
    loads = Loads()
    with fresh_folder() as folder, layer(folder) as server:
        server.deploy(bench.estimator(models.LINEAR), example=bench.digits.test[0].tolist())
        server.client.deploy_model(NEIGHBOUR, 1, neighbour, server.input_type)
        phase = Phase(LOAD * saturated(server, shot, bench.seconds).per_second, max(2.0, bench.seconds))
        for _ in range(1 if bench.quick else ROUNDS * bench.rounds):
            for with_neighbour, rounds in found.items():
                with _coming_and_going(server, loads, with_neighbour):
                    rounds.outcomes.append(opened(server, shot, [phase]).outcome)
            p99 = [f"{rounds.outcomes[-1].p99_ms:.2f} ms" for rounds in found.values()]
            bench.tell(f"p99 alone and beside a neighbour that comes and goes: {', '.join(p99)}")
    if loads.error:
        raise RuntimeError(f"the neighbour could not be loaded: {loads.error}")
    moved = found[True].middle("p99_ms") / found[False].middle("p99_ms")
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{rounds.middle('p50_ms'):.2f}",
            f"{rounds.middle('p99_ms'):.2f}",
            f"{min(each.p99_ms for each in rounds.outcomes):.2f} to {max(each.p99_ms for each in rounds.outcomes):.2f}",
            f"{rounds.middle('good_share'):.2%}",
        )
        for name, rounds in (("alone", found[False]), (f"while another model is {LOADED}", found[True]))
    ]
    head = ("", "p50, ms", "p99, ms", "p99 of the rounds, ms", f"by the model inside {SLO_MS:g} ms")
    return Section(
        "neighbours",
        "A model that is loaded beside another",
        f"The linear SVM under Poisson arrivals at {LOAD:.0%} of its capacity, in turns alone and while a forest of "
        f"depth 16 gets a second replica, and loses it as soon as that is ready, again and again ({loads.count} times "
        f"in all). Medians of {len(found[True].outcomes)} rounds.",
        [Sheet("Its latency, end to end", head, rows)],
        [at_most(f"p99 while another model is {LOADED}, of that alone", moved, UNMOVED, "×")],
    )


@contextmanager
def _coming_and_going(server: Layer, loads: Loads, wanted: bool) -> Iterator[None]:
    """A replica of the neighbour is loaded and stopped until the scope ends."""
    if not wanted:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_come_and_go, args=(server, loads, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _come_and_go(server: Layer, loads: Loads, ended: threading.Event) -> None:
    while not ended.is_set() and not loads.error:
        try:
            server.client.set_num_replicas(NEIGHBOUR, 2)  # until it is ready
            server.client.set_num_replicas(NEIGHBOUR, 1)
            loads.count += 1
        except ClipperError as error:  # of a thread: the case fails with it
            loads.error = error.message
