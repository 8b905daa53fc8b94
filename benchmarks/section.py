"""What a case hands over: tables, verdicts and plots, before they are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from benchmarks.report import Sheet, verdict_sheet
from benchmarks.targets import NOT_MEASURED, Verdict

NOTHING = "–"


@dataclass(frozen=True)
class Line:
    """One line of a plot; between `low` and `high`, if they are given, is where it may be."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Plot:
    """A plot, before it is drawn. `limits` are horizontal lines with a name; `marks` vertical ones."""

    name: str  # of its file
    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    limits: Sequence[tuple[str, float]] = ()
    marks: Sequence[tuple[str, float]] = ()
    log_x: bool = False
    log_y: bool = False


@dataclass
class Section:
    """A case as it was measured."""

    name: str
    title: str
    about: str  # what was done, in a few sentences
    sheets: list[Sheet] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    failure: str = ""

    def show(self, console: Console) -> None:
        """Everything but the plots."""
        console.print(f"\n[bold]{self.title}[/bold]" + (f" failed: {self.failure}" if self.failure else ""))
        for sheet in (*self.sheets, *([verdict_sheet(self.verdicts)] if self.verdicts else [])):
            sheet.show(console)

    def markdown(self, plots: str) -> str:
        """Its part of the page; `plots` is the folder of the drawings, seen from there."""
        parts = [f"## {self.title}", self.about]
        if self.failure:
            parts.append(f"Failed: {self.failure}")
        if self.verdicts:
            parts.append(verdict_sheet(self.verdicts).markdown())
        for sheet in self.sheets:
            parts += [f"{sheet.title}:", sheet.markdown()]
        parts += [f"![{plot.title}]({plots}/{plot.name}.svg)" for plot in self.plots]
        return "\n\n".join(parts)


def at_least(condition: str, reached: float | None, target: float, unit: str = "×", detail: str = "") -> Verdict:
    """A verdict on a figure that should be large; None: not measured."""
    return _verdict(
        condition, f"≥ {target:g} {unit}", reached, f"{unit}{detail}", reached is not None and reached >= target
    )


def at_most(condition: str, reached: float | None, target: float, unit: str, detail: str = "") -> Verdict:
    """A verdict on a figure that should be small; None: not measured."""
    return _verdict(
        condition, f"≤ {target:g} {unit}", reached, f"{unit}{detail}", reached is not None and reached <= target
    )


def _verdict(condition: str, promise: str, reached: float | None, behind: str, holds: bool) -> Verdict:
    if reached is None:
        return Verdict(condition, promise, NOT_MEASURED, None)
    return Verdict(condition, promise, f"{reached:.4g} {behind}", holds)
