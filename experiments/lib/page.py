"""docs/experiments.md, made of the results alone."""

from collections.abc import Sequence

from experiments.lib.finding import Result

HEAD = """\
# Experiments

Each figure of the paper (Crankshaw et al., *Clipper: A Low-Latency Online Prediction Serving System*, NSDI 2017)
again, on real data, through the HTTP interface of a running Clipper with its models in containers; our numbers beside
the authors'. Made from `experiments/*/result.json` by `make experiments`; do not edit.

The paper's servers had two sockets and GPUs, and its load generator called Clipper in-process; ours share two cores
with the load. So compare ratios and what is kept of an objective, never absolute throughput. Intervals hold with 95 %
confidence.

`make experiments` repeats all of it in less than 90 minutes on two cores, `python -m experiments fig8` one figure, and
`--quick` shows within a minute or two that one works, with fewer repetitions. Data comes from the folder given with
`--data` (or `CLIPPER_DATA`); what is missing there is named, with where to get it.
"""


def page(results: Sequence[Result]) -> str:
    """The whole page: all claims first, then each experiment."""
    parts = [HEAD.strip(), "## Claims", _claims(results)]
    for result in results:
        parts += _experiment(result)
    return "\n\n".join(parts) + "\n"


def _claims(results: Sequence[Result]) -> str:
    lines = ["| | claim | promised | measured | verdict |", "| --- | --- | --- | --- | --- |"]
    for result in results:
        for claim in result.finding.claims:
            cells = (claim.text, claim.promised, claim.measured.text(claim.unit), claim.verdict)
            lines.append(f"| [{result.finding.name}](#{_anchor(result)}) | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _experiment(result: Result) -> list[str]:
    finding = result.finding
    parts = [
        f"## {finding.name}: {finding.title}",
        f"**Question.** {finding.question}",
        f"**Method.** {finding.method}",
    ]
    parts += [f"![{plot.title}](../experiments/{finding.name}/{plot.name}.svg)" for plot in finding.plots]
    for table in finding.tables:
        parts += [f"{table.title}:", table.markdown()]
    for title, sentences in (("Same", finding.same), ("Better", finding.better), ("Worse", finding.worse)):
        if sentences:
            parts.append(f"**{title}.** " + " ".join(sentences))
    return [*parts, _made(result)]


def _made(result: Result) -> str:
    quick = " A **quick** run: fewer repetitions than the command without `--quick` makes." if result.quick else ""
    facts = "; ".join(f"{name} {value}" for name, value in result.machine.items())
    return f"Made by `{result.command}` in {result.seconds:.0f} s.{quick} {facts}."


def _anchor(result: Result) -> str:
    """What a heading's link is called: letters, digits and hyphens in lower case."""
    text = f"{result.finding.name}: {result.finding.title}".lower()
    return "".join(each for each in text.replace(" ", "-") if each.isalnum() or each in "-_")


def _cell(text: str) -> str:
    return text.replace("|", "/")
