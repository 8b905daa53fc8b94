"""What changes under load: the load itself steps up, and a model turns three times slower."""

import threading
from dataclasses import dataclass

from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import opened, saturated
from benchmarks.layer.server import SLO_MS, fresh_folder, layer
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import Trace, recovery_s
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_most

LOW, HIGH, SLOWED_LOAD = 0.1, 0.9, 0.25  # of the model's capacity; a third of it is left when it is slowed
WITHIN_S = 1.0
WINDOW_S = 0.1
CONTROLLERS = ("deadline", "aimd")


@dataclass(frozen=True)
class Change:
    """One run with a change in the middle of it."""

    what: str
    controller: str
    trace: Trace
    changed_s: float
    seconds: float

    @property
    def recovery_s(self) -> float:
        return recovery_s(self.trace, SLO_MS, self.changed_s, self.seconds)

    def attained(self, start_s: float, end_s: float) -> float:
        """The share answered by the model inside the objective."""
        here = self.trace.between(start_s, end_s)
        return float(here.good(SLO_MS).mean()) if len(here.due) else float("nan")


def measure(bench: LayerBench) -> Section:
    """A model that bounds the rate by itself and is quick beside the objective, and can be slowed while it serves."""
    shot = bench.raw()
    half = max(2.0, bench.seconds)
    found: list[Change] = []
    with fresh_folder() as folder:
        flag = folder / "slow"
        with layer(folder) as server:
            model = models.Slowable(bench.estimator(models.SMALL_KERNEL), str(flag))
            server.deploy(model, example=bench.digits.test[0].tolist())
            for controller in CONTROLLERS:
                server.batching(controller)
                capacity = saturated(server, shot, half).per_second
                rates = [Phase(LOW * capacity, half), Phase(HIGH * capacity, half)]
                step = opened(server, shot, rates).trace
                found.append(Change("10 % → 90 % load", controller, step, half, 2 * half))
                opened(server, shot, [Phase(SLOWED_LOAD * capacity, half / 2)])
                timer = threading.Timer(half, flag.touch)
                timer.start()
                slowed = opened(server, shot, [Phase(SLOWED_LOAD * capacity, 2 * half)]).trace
                timer.join()
                flag.unlink()
                found.append(Change("the model turns 3 × slower", controller, slowed, half, 2 * half))
                bench.tell(f"{controller}: {[each.recovery_s for each in found[-2:]]} s")
    return Section(
        "recovery",
        "Changes under load",
        "A kernel SVM of 500 images under Poisson arrivals: a model that takes a tenth of the objective for an input "
        "cannot answer 99 % of them at 90 % load, in whatever order. First the load steps from 10 % to 90 % of its "
        "capacity; then, at a quarter of it (three quarters of what is left), the model begins to compute every batch "
        "three times over. It has recovered from the first tenth of a second on in which 99 % of what was due was "
        "answered by the model inside 20 ms, and so was the second that follows.",
        [_sheet(found)],
        [at_most(f"{each.what}, `{each.controller}`: ≥ 99 % again", each.recovery_s, WITHIN_S, "s") for each in found],
        [_plot(found)],
    )


def _sheet(found: list[Change]) -> Sheet:
    head = ("change", "controller", "before", "first second after", "from then on", "recovered after, s")
    rows: list[tuple[str, ...]] = []
    for each in found:
        then = each.changed_s
        spans = ((0.5, then), (then, then + 1), (then + 1, each.seconds))
        shares = [f"{each.attained(*span):.2%}" for span in spans]
        rows.append((each.what, each.controller, *shares, f"{each.recovery_s:.1f}"))
    return Sheet("Share answered by the model inside 20 ms", head, rows)


def _plot(found: list[Change]) -> Plot:
    lines = []
    for each in found:
        windows = each.trace.windows(SLO_MS, WINDOW_S, each.seconds)
        lines.append(
            Line(
                f"{each.what}, {each.controller}",
                [w.start_s - each.changed_s for w in windows],
                [w.attained for w in windows],
            )
        )
    return Plot(
        "recovery", "Answered inside 20 ms, by tenths of a second", "seconds since the change", "share", lines,
        limits=[("99 %", 0.99)], marks=[("change", 0.0)],
    )  # fmt: skip
