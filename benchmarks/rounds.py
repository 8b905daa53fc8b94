"""The table's figures: every system measured in turn, again and again, so that the machine's drift hits all alike.

Each system is started afresh in each round: nothing else runs while it is measured, and a lucky or unlucky start
shows as spread.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cases import Case, Cell, Inputs, Model, Sample, Settings
from benchmarks.environment import Unavailable
from benchmarks.measure import measure
from benchmarks.openloop.run import LoadError
from benchmarks.peers.target import Target, started
from clipper.core.errors import ClipperError

CONNECTIONS = (64, 1)
FAILURES = (Unavailable, LoadError, ClipperError, OSError, RuntimeError)

PLACES = re.compile(r"\w+://\S+|(?<![\w.])/[\w.-]+/\S*")

Tell = Callable[[str], None]


@dataclass
class Results:
    """All that was measured, by name of the system."""

    cells: dict[tuple[str, Case], Cell] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Settings] = field(default_factory=dict)
    sweeps: dict[str, list[tuple[Settings, Sample | str]]] = field(default_factory=dict)

    def cell(
        self, name: str, model: Model, connections: int, inputs: Inputs = Inputs.DIFFERENT, by_wrk: bool = False
    ) -> Cell | None:
        """The rounds of one case, or None if it was not measured."""
        cell = self.cells.get((name, Case(model, connections, inputs, by_wrk)))
        return cell if cell is not None and cell.samples else None

    def failed(self, target: Target, error: BaseException) -> None:
        """Its row says why; a system that fails is never left out."""
        self.failures[target.name] = reason(error)


def cases(target: Target, model: Model) -> list[Case]:
    """What is measured of one system with one model."""
    found = [Case(model, connections) for connections in CONNECTIONS]
    if Inputs.SAME in target.inputs:
        found.append(Case(model, CONNECTIONS[0], Inputs.SAME))
    if target.by_wrk:
        found.append(Case(model, CONNECTIONS[0], by_wrk=True))
    return found


def run_rounds(
    targets: Iterable[Target], results: Results, rounds: int, seconds: float, cache: Path, tell: Tell
) -> None:
    """Fill `results.cells` and `results.failures`. A system that failed once is not tried again."""
    turns = [(number, model, target) for number in range(rounds) for model in Model for target in targets]
    for number, model, target in turns:
        if target.name in results.failures:
            continue
        tell(f"round {number + 1}/{rounds}: {target.title}, {model}")
        try:
            measure_once(target, model, results, seconds, cache)
        except FAILURES as error:
            results.failed(target, error)
            tell(f"{target.title} failed: {results.failures[target.name]}")


def measure_once(target: Target, model: Model, results: Results, seconds: float, cache: Path) -> None:
    """One start of one system: each of its cases once."""
    settings = results.settings.get(target.name, target.settings[0])
    with started(target, model, settings, cache) as endpoint:
        for case in cases(target, model):
            sample = measure(endpoint, case, seconds)
            results.cells.setdefault((target.name, case), Cell()).samples.append(sample)


def sweep(targets: Sequence[Target], results: Results, seconds: float, cache: Path, tell: Tell) -> None:
    """Try every candidate for a system's own batching knobs at full load; the fastest is used from then on."""
    for target in targets:
        if len(target.settings) == 1:
            continue
        tried: list[tuple[Settings, Sample | str]] = []
        for settings in target.settings:
            tell(f"settings of {target.title}: {describe(settings)}")
            tried.append((settings, _try(target, settings, seconds, cache)))
        results.sweeps[target.name] = tried
        good = [(settings, sample) for settings, sample in tried if isinstance(sample, Sample)]
        if good:
            results.settings[target.name] = max(good, key=lambda pair: pair[1].per_second)[0]
        else:
            results.failures[target.name] = str(tried[0][1])


def _try(target: Target, settings: Settings, seconds: float, cache: Path) -> Sample | str:
    case = Case(Model.SUM, CONNECTIONS[0])
    try:
        with started(target, case.model, settings, cache) as endpoint:
            return measure(endpoint, case, seconds)
    except FAILURES as error:
        return reason(error)


def reason(error: BaseException) -> str:
    """Why a system failed, in one line without addresses and folders: it may be published."""
    return PLACES.sub("…", " ".join(str(error).split())) or type(error).__name__


def describe(settings: Settings) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
