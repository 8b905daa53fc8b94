"""docs/benchmarks.md: the figures with everything needed to judge and to repeat them."""

from dataclasses import dataclass, field

from benchmarks.machine import Run
from benchmarks.peers.target import Target
from benchmarks.report import Sheet, error_notes, main_sheet, sweep_sheet, verdict_sheet, wrk_sheet
from benchmarks.rounds import Results, describe
from benchmarks.targets import Extras, verdicts

NOTES = """\
* All of it runs on one machine: the system under test shares the cores with the load generator. Absolute figures are
  lower than with a machine each; the ratios are what this is about.
* Rounds are interleaved (every system once, then every system again), and every system is started afresh in each, with
  nothing else running. Figures are medians of the rounds; ± is half the distance from the worst to the best round.
* Each measurement follows a warm-up of two seconds. Posted is `{"input": [8 doubles]}` (MLServer and BentoML: the same
  doubles in the form they ask for); every request carries different doubles, with 16 digits each, made before the clock
  starts. Answers that are errors, or Clipper's default output, do not count.
* Each system runs one model process, has answered a fixed example right before it is measured, and counts its own
  batches ("batch" is the mean; it proves that every request reached the model). The latency at one connection
  includes the waiting time of the batching that is best at 64.
* nginx answers a constant with one worker; the echo reads a body and sends it back. Neither runs a model: they show
  what the machine, and a Python HTTP server, can do at most. For both, the two models are the same case measured twice.
* The relay is the least that a Python process between the load and one of Clipper's containers can do: it reads
  requests, hands 64 bytes of each body to the container in batches, and answers with the outputs. What lies between it
  and Clipper is what JSON, cache, deadlines, journal, metrics and selection cost; no frontend of one process is faster.
* "CPU per answer" is the processor time of all of the system's processes, without the load generator's.
* Clipper runs with one query frontend, its default settings and a 20 ms objective. Cache hits: one input for ever.
"""

WRK = """\
The load above is carried by a generator of our own (`benchmarks/openloop/generator.c`, a closed loop here): a request
costs it two system calls, about 10 µs. wrk makes five and runs a script to make requests differ: on two cores that it
shares with what it measures it keeps one of them busy all the time, and is so itself the bound of the fastest systems
([decision 0025](decisions/0025-our-own-load-generator.md)). What it says of them all the same:
"""


@dataclass
class Found:
    """All that was measured."""

    targets: list[Target]
    results: Results = field(default_factory=Results)
    extras: Extras = field(default_factory=Extras)

    def sheets(self) -> dict[str, Sheet]:
        """The tables."""
        return {
            "main": main_sheet(self.targets, self.results),
            "verdicts": verdict_sheet(verdicts(self.results, self.extras)),
            "sweep": sweep_sheet(self.targets, self.results),
            "wrk": wrk_sheet(self.targets, self.results),
        }


def document(run: Run, found: Found) -> str:
    """The whole page."""
    parts = [
        "# Benchmarks",
        "Clipper beside what its users would pick instead, measured in one run. Made by `make bench`; do not edit. "
        "What its layers promise is in [benchmarks-layer.md](benchmarks-layer.md) and "
        "[benchmarks-selection.md](benchmarks-selection.md).",
        run.facts(),
        *_servers(found),
    ]
    return "\n\n".join(parts) + "\n"


def _servers(found: Found) -> list[str]:
    sheets, results, targets = found.sheets(), found.results, found.targets
    notes = error_notes(targets, results)
    parts = ["## Results", sheets["main"].markdown(), "## What was promised", sheets["verdicts"].markdown()]
    parts += ["## The same, loaded by wrk", WRK.strip(), sheets["wrk"].markdown()]
    parts += ["## Notes", NOTES.strip(), *(["\n".join(f"* {note}" for note in notes)] if notes else [])]
    used = [(target.title, results.settings[target.name]) for target in targets if target.name in results.settings]
    if used:
        parts += ["## Settings", "Each system's own batching settings: the fastest of those tried."]
        parts.append("\n".join(f"* {title}: {describe(settings)}" for title, settings in used))
    if sheets["sweep"].rows:
        parts += [f"{sheets['sweep'].title}:", sheets["sweep"].markdown()]
    return parts
