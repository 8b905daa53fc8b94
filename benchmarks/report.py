"""The results as text: tables that print in the terminal and in docs/benchmarks.md from the same rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.cases import Cell, Inputs, Model, Sample
from benchmarks.machine import version
from benchmarks.peers.target import Target
from benchmarks.rounds import Results, describe
from benchmarks.targets import CLIPPER, Verdict

NOTHING = "–"


@dataclass(frozen=True)
class Sheet:
    """A table before it is drawn."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for number, name in enumerate(self.head):
            table.add_column(name, justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        rule = ["---"] + ["---:"] * (len(self.head) - 1)
        lines = [self.head, rule, *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def main_sheet(targets: Iterable[Target], results: Results) -> Sheet:
    """One row per system, the cached ones apart."""
    head = (
        "system",
        "no-op, 64 conn., answers/s",
        "Clipper ÷ it",
        "8-double sum, 64 conn., answers/s",
        "Clipper ÷ it",
        "p99, ms",
        "batch",
        "CPU per answer, µs",
        "no-op, 1 conn., p50 µs",
        "sum, 1 conn., p50 µs",
        "Clipper ÷ it",
    )
    rows = []
    for target in targets:
        rows.append(_row(target, results, head))
        if Inputs.SAME in target.inputs and target.name not in results.failures:
            rows.append(_same_row(target, results))
    return Sheet("Every input different, unless said otherwise; JSON over HTTP", head, rows)


def _row(target: Target, results: Results, head: tuple[str, ...]) -> tuple[str, ...]:
    name, comma, what = target.title.partition(",")
    title = f"{name} {version(target)}".strip() + comma + what
    if target.name in results.failures:
        return (title, f"failed: {results.failures[target.name][:50]}", *[NOTHING] * (len(head) - 2))
    cells = {(model, n): results.cell(target.name, model, n) for model in Model for n in (64, 1)}
    ours = {(model, n): results.cell(CLIPPER, model, n) for model in Model for n in (64, 1)}
    noop, total = (Model.NOOP, 64), (Model.SUM, 64)
    alone = (Model.SUM, 1)
    return (
        title,
        _rate(cells[noop]),
        _ratio(ours[noop], cells[noop]),
        _rate(cells[total]),
        _ratio(ours[total], cells[total]),
        *_costs(cells[total], target.batches),
        _p50(cells[Model.NOOP, 1]),
        _p50(cells[alone]),
        _slowness(ours[alone], cells[alone]),
    )


def _same_row(target: Target, results: Results) -> tuple[str, ...]:
    noop, total = (results.cell(target.name, model, 64, Inputs.SAME) for model in Model)
    ours = [results.cell(CLIPPER, model, 64, Inputs.SAME) for model in Model]
    return (
        f"{target.title}, one input" + (" (cache hits)" if target.name == CLIPPER else ""),
        _rate(noop),
        _ratio(ours[0], noop),
        _rate(total),
        _ratio(ours[1], total),
        *_costs(total, batches=False),
        *[NOTHING] * 3,
    )


def wrk_sheet(targets: Iterable[Target], results: Results) -> Sheet:
    """What the load itself costs: the same answers per second with both load generators."""
    head = ("system", "model", "answers/s", "by wrk, answers/s", "of it", "Clipper ÷ it, by wrk")
    rows: list[tuple[str, ...]] = []
    for target, model in ((target, model) for model in Model for target in targets if target.by_wrk):
        cell, by_wrk = (results.cell(target.name, model, 64, by_wrk=flag) for flag in (False, True))
        share = NOTHING if cell is None or by_wrk is None else f"{by_wrk.per_second / max(cell.per_second, 1e-9):.2f}"
        ours = results.cell(CLIPPER, model, 64, by_wrk=True)
        rows.append((target.title, str(model), _rate(cell), _rate(by_wrk), share, _ratio(ours, by_wrk)))
    return Sheet("64 connections, every input different", head, rows)


def _costs(cell: Cell | None, batches: bool) -> tuple[str, str, str]:
    if cell is None:
        return NOTHING, NOTHING, NOTHING
    batch = f"{cell.mean_batch:.0f}" if batches and cell.mean_batch is not None else NOTHING
    cpu = f"{cell.cpu_us:,.0f}" if cell.cpu_us is not None else NOTHING
    return f"{cell.p99_us / 1000:.1f}", batch, cpu


def _rate(cell: Cell | None) -> str:
    return NOTHING if cell is None else f"{cell.per_second:,.0f} ±{cell.spread:.0%}"


def _ratio(ours: Cell | None, theirs: Cell | None) -> str:
    if ours is None or theirs is None or not theirs.per_second:
        return NOTHING
    ratio = ours.per_second / theirs.per_second
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _p50(cell: Cell | None) -> str:
    return NOTHING if cell is None else f"{cell.p50_us:,.0f}"


def _slowness(ours: Cell | None, theirs: Cell | None) -> str:
    return NOTHING if ours is None or theirs is None or not theirs.p50_us else f"{ours.p50_us / theirs.p50_us:.2f}"


def verdict_sheet(verdicts: Sequence[Verdict]) -> Sheet:
    rows: list[tuple[str, ...]] = [(each.condition, each.promise, each.measured, each.word) for each in verdicts]
    return Sheet("What was promised", ("condition", "promised", "measured", "verdict"), rows)


def sweep_sheet(targets: Iterable[Target], results: Results) -> Sheet:
    """What each system's batching knobs do to its throughput."""
    rows: list[tuple[str, ...]] = []
    for target in targets:
        for settings, sample in results.sweeps.get(target.name, []):
            chosen = "used" if results.settings.get(target.name) == settings else ""
            rows.append((target.title, describe(settings), *_tried(sample), chosen))
    head = ("system", "settings", "answers/s", "p99, ms", "batch", "")
    return Sheet("Sum model, 64 connections, one short run each", head, rows)


def _tried(sample: Sample | str) -> tuple[str, str, str]:
    if isinstance(sample, str):
        return f"failed: {sample[:80]}", NOTHING, NOTHING
    batch = NOTHING if sample.mean_batch is None else f"{sample.mean_batch:.0f}"
    return f"{sample.per_second:,.0f}", f"{sample.p99_us / 1000:.1f}", batch


def error_notes(targets: Iterable[Target], results: Results) -> list[str]:
    """One line for each system that failed, or answered some requests with an error or a default output."""
    notes = []
    for target in targets:
        if target.name in results.failures:
            notes.append(f"{target.title} failed: {results.failures[target.name]}")
        errors = sum(cell.errors for (name, _), cell in results.cells.items() if name == target.name)
        if errors:
            notes.append(f"{target.title}: {errors:,} requests were answered with an error or a default; not counted.")
    return notes
