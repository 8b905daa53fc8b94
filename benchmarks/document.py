"""docs/benchmarks.md: the figures with everything needed to judge and to repeat them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.peers.target import Target
from benchmarks.report import Sheet, error_notes
from benchmarks.rounds import Results, describe

NOTES = """\
* All of it runs on one machine: the system under test shares the cores with the load generator. Absolute figures are
  lower than with a machine each; the ratios are what this is about.
* Rounds are interleaved (every system once, then every system again), and every system is started afresh in each, with
  nothing else running. Figures are medians of the rounds; ± is half the distance from the worst to the best round.
* Each measurement follows a warm-up of two seconds. wrk posts `{"input": [8 doubles]}` (MLServer and BentoML: the same
  doubles in the form they ask for); every request carries different doubles, with 16 digits each. Answers that are
  errors, or Clipper's default output, do not count.
* Each system runs one model process, has answered a fixed example right before it is measured, and counts its own
  batches ("batch" is the mean; it proves that every request reached the model). The latency at one connection
  includes the waiting time of the batching that is best at 64.
* nginx answers a constant with one worker; the echo reads a body and sends it back. Neither runs a model: they show
  what the machine, and a Python HTTP server, can do at most. For both, the two models are the same case measured twice.
* "CPU per answer" is the processor time of all of the system's processes, without the load generator's.
* Clipper runs with one query frontend, its default settings and a 20 ms objective. Cache hits: one input for ever.
"""


@dataclass(frozen=True)
class Run:
    """How the figures were made."""

    command: str
    machine: Mapping[str, str]


def document(run: Run, targets: Iterable[Target], results: Results, sheets: Mapping[str, Sheet]) -> str:
    """The whole page. `sheets` has "main", "verdicts" and "sweep"."""
    targets = list(targets)
    settings = [
        f"* {target.title}: {describe(results.settings[target.name])}"
        for target in targets
        if target.name in results.settings
    ]
    parts = [
        "# Benchmarks",
        "Clipper beside what its users would pick instead, measured in one run. Made by `make bench`; do not edit.",
        "\n".join(f"* {name}: {value}" for name, value in {**run.machine, "command": f"`{run.command}`"}.items()),
        "## Results",
        sheets["main"].markdown(),
        "## What was promised",
        sheets["verdicts"].markdown(),
        "## Notes",
        NOTES.strip(),
        *(["\n".join(f"* {note}" for note in error_notes(targets, results))] * bool(error_notes(targets, results))),
    ]
    if settings:
        parts += [
            "## Settings",
            "Each system's own batching settings: the fastest of those tried.",
            "\n".join(settings),
        ]
    if sheets["sweep"].rows:
        parts += [f"{sheets['sweep'].title}:", sheets["sweep"].markdown()]
    return "\n\n".join(parts) + "\n"
