"""docs/experiments.md, made of the results alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.lib.finding import Result

HEAD = """\
# Experiments

Each figure of the paper (Crankshaw et al., *Clipper: A Low-Latency Online Prediction Serving System*, NSDI 2017)
again, on real data, through the HTTP interface of a running Clipper with its models in containers; our numbers beside
the authors'. Made from `experiments/*/result.json` by `make experiments`; do not edit.

The paper's servers had two sockets and GPUs, and its load generator called Clipper in-process; ours share two cores
with the load. So compare ratios and what is kept of an objective, never absolute throughput. Intervals hold with 95 %
confidence: a claim holds if all of its interval does, does not hold if none of it does, and is not decided by this run
if the interval lies on both sides.

`make experiments` repeats all of it in less than 90 minutes on two cores, `python -m experiments fig8` one figure, and
`--quick` shows within a minute or two that one works, with fewer repetitions. Data comes from the folder given with
`--data` (or `CLIPPER_DATA`); what is missing there is named, with where to get it.
"""


BEFORE, AFTER = ("Question", "Method"), ("Same", "Better", "Worse")
"""Paragraphs of an experiment's README, around its numbers."""


def page(results: Sequence[Result], folder: Path) -> str:
    """The whole page: all claims first, then each experiment; `folder` has their READMEs."""
    about = {result.finding.name: read_about(folder / result.finding.name) for result in results}
    parts = [HEAD.strip(), "## Claims", _claims(results, about)]
    for result in results:
        parts += _experiment(result, about[result.finding.name])
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class About:
    """What an experiment's README says: a title, and paragraphs by the word in bold that they begin with."""

    title: str
    paragraphs: dict[str, str]


def read_about(folder: Path) -> About:
    """Of one experiment."""
    title, *rest = (folder / "README.md").read_text(encoding="utf-8").strip().split("\n\n")
    named = [(re.match(r"\*\*(\w+)\.\*\*", each), each) for each in rest]
    return About(title.removeprefix("# "), {found.group(1): each for found, each in named if found})


def _claims(results: Sequence[Result], about: dict[str, About]) -> str:
    lines = ["| | claim | promised | measured | verdict |", "| --- | --- | --- | --- | --- |"]
    for result in results:
        name = result.finding.name
        for claim in result.finding.claims:
            verdict = claim.verdict + (" (quick run)" if result.quick else "")
            cells = (claim.text, claim.promised, claim.measured.text(claim.unit), verdict)
            lines.append(f"| [{name}](#{_anchor(about[name])}) | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _experiment(result: Result, about: About) -> list[str]:
    finding = result.finding
    parts = [f"## {about.title}", *(about.paragraphs[word] for word in BEFORE if word in about.paragraphs)]
    parts += [f"![{plot.title}](../experiments/{finding.name}/{plot.name}.svg)" for plot in finding.plots]
    for table in finding.tables:
        parts += [f"{table.title}:", table.markdown()]
    return [*parts, *(about.paragraphs[word] for word in AFTER if word in about.paragraphs), _made(result)]


def _made(result: Result) -> str:
    quick = " A **quick** run: fewer repetitions than the command without `--quick` makes." if result.quick else ""
    facts = "; ".join(f"{name} {value}" for name, value in result.machine.items())
    return f"Made by `{result.command}` in {result.seconds:.0f} s.{quick} {facts}."


def _anchor(about: About) -> str:
    """What a heading's link is called: letters, digits and hyphens in lower case."""
    text = about.title.lower().replace(" ", "-")
    return "".join(each for each in text if each.isalnum() or each in "-_")


def _cell(text: str) -> str:
    return text.replace("|", "/")
