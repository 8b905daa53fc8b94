"""What a run looks like: a progress bar while it goes on, numbers and a histogram afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clipper.cli.bench.arrivals import Times
from clipper.cli.bench.outcome import Outcome, histogram
from clipper.cli.output import console, show_fields

if TYPE_CHECKING:
    from clipper.cli.bench.sender import Progress

BAR_COLUMNS = 40
LATE_MS = 1.0
"""Beyond that the generator itself is too slow for the rate, and the latencies say so little about the server."""


@contextmanager
def progress(seconds: float) -> "Iterator[Progress]":
    """A bar on standard error, where that is a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[answered]:,} answered"))
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=seconds, answered=0)
        yield lambda answered, elapsed_s: bar.update(task, completed=elapsed_s, answered=answered)


def show(outcome: Outcome, latency_ms: Times) -> None:
    """Everything about a run."""
    rounded = {name: f"{value:,.2f}" for name, value in outcome.latency_ms.items()}
    show_fields(
        {
            "queries": f"{outcome.sent:,} in {outcome.seconds:.1f} s, {outcome.per_second:,.0f} answers per second",
            "good": f"{outcome.good:.2%} answered by a model within {outcome.slo_ms:g} ms",
            "not "
            "good": f"{outcome.defaults:,} default outputs, {outcome.errors:,} errors, {outcome.lost:,} never answered",
            "latency, ms": ", ".join(f"{name} {value}" for name, value in rounded.items()),
        }
    )
    for line in histogram_lines(latency_ms, outcome.slo_ms):
        console().print(line, highlight=False, markup=False)
    if outcome.late_ms > LATE_MS:
        console(stderr=True).print(
            f"This load generator was late itself: 1 % of the queries left {outcome.late_ms:.1f} ms or more after they "
            "were due (all connections were busy, or it had no processor). Latencies include that."
        )


def histogram_lines(latency_ms: Times, slo_ms: float) -> list[str]:
    """A bar for each range of latencies; those beyond the objective are marked."""
    bars = histogram(latency_ms)
    most = max((count for _, _, count in bars), default=1)
    lines = []
    for low, high, count in bars:
        length = max(1, round(count / most * BAR_COLUMNS)) if count else 0
        beyond = "  beyond the objective" if count and low >= slo_ms else ""
        lines.append(f"{low:9.2f} to {high:9.2f} ms  {'█' * length:<{BAR_COLUMNS}} {count:,}{beyond}".rstrip())
    return lines
