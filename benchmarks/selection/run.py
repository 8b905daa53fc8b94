"""Which cases there are, and running them one after the other."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.layer.section import Section
from benchmarks.rounds import FAILURES, reason
from benchmarks.selection.bench import Bench, Tell
from benchmarks.selection.cases import feedback, fig7, fig8, fig9, fig10, oracles, shedding, throughput, updates

CASES: dict[str, Callable[[Bench], Section]] = {
    "fig7": fig7.measure,
    "fig8": fig8.measure,
    "fig9": fig9.measure,
    "fig10": fig10.measure,
    "oracles": oracles.measure,
    "updates": updates.measure,
    "feedback": feedback.measure,
    "shedding": shedding.measure,
    "throughput": throughput.measure,
}
FULL, QUICK = (3.0, 3), (1.0, 1)  # seconds of a measurement, rounds


@dataclass(frozen=True)
class Options:
    """What to run, and how long."""

    cases: Sequence[str]
    quick: bool
    data: Path | None
    cache: Path


def run_cases(options: Options, tell: Tell) -> list[Section]:
    """A case that fails has a section that says so."""
    seconds, rounds = QUICK if options.quick else FULL
    sections = []
    with tempfile.TemporaryDirectory(prefix="cb-", ignore_cleanup_errors=True) as folder:
        bench = Bench(seconds, rounds, options.quick, options.data, Path(folder), options.cache, tell)
        for name in options.cases:
            tell(f"case {name}")
            try:
                sections.append(CASES[name](bench))
            except FAILURES as error:
                tell(f"{name} failed: {error}")
                sections.append(Section(name, name.capitalize(), "", failure=reason(error)))
    return sections
