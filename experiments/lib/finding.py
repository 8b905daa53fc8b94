"""What an experiment hands over, and how it is kept: claims with their intervals, tables, plots, and how it was
made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.report import Sheet
from benchmarks.section import Plot

FILE = "result.json"


@dataclass(frozen=True)
class Measured:
    """A number with the interval that it lies in with 95 % confidence; without one where nothing was repeated."""

    value: float
    low: float | None = None
    high: float | None = None

    def text(self, unit: str = "") -> str:
        """For people."""
        shown = f"{self.value:.4g}{unit and ' '}{unit}"
        return shown if self.low is None or self.high is None else f"{shown} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Claim:
    """A sentence that holds or does not, or is open. `promised` says what the number had to be."""

    text: str
    promised: str
    measured: Measured
    unit: str
    holds: bool
    undecided: bool = False  # the interval lies on both sides of what was promised

    @property
    def verdict(self) -> str:
        return "holds" if self.holds else "not decided" if self.undecided else "does NOT hold"


@dataclass
class Finding:
    """One experiment as it went; what it is about, and what is to be said of it, is in its README."""

    name: str
    claims: list[Claim] = field(default_factory=list)
    tables: list[Sheet] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """A finding, and how it was made."""

    finding: Finding
    command: str
    quick: bool
    seconds: float  # that it took
    machine: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """As `result.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def read_result(folder: Path) -> Result | None:
    """The result in an experiment's folder; None if there is none yet."""
    path = folder / FILE
    return msgspec.json.decode(path.read_bytes(), type=Result) if path.exists() else None


def at_least(text: str, measured: Measured, target: float, unit: str = "") -> Claim:
    """A claim that the whole interval is at or above a target."""
    least, most = _least(measured), _most(measured)
    return Claim(text, f"≥ {target:.4g} {unit}".strip(), measured, unit, least >= target, least < target <= most)


def at_most(text: str, measured: Measured, target: float, unit: str = "") -> Claim:
    """A claim that the whole interval is at or below a target."""
    least, most = _least(measured), _most(measured)
    return Claim(text, f"≤ {target:.4g} {unit}".strip(), measured, unit, most <= target, least <= target < most)


def sheet(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Sheet:
    """A table of anything that has a text."""
    return Sheet(title, tuple(head), [tuple(map(str, row)) for row in rows])


def _least(measured: Measured) -> float:
    return measured.value if measured.low is None else measured.low


def _most(measured: Measured) -> float:
    return measured.value if measured.high is None else measured.high
