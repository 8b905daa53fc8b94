"""What the demo shows: a line for each step that is done and, on a terminal, live numbers below it."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from clipper.cli.demo.load import Tally
from clipper.cli.demo.readings import NOTHING, Readings
from clipper.cli.output import table
from clipper.core.clock import monotonic

REFRESHES_PER_S = 5
RATE_WINDOW_S = 1.0
TITLE_COLUMNS = 12
PLAIN_WIDTH = 110

REPLICA_STYLES = {"ready": "green", "starting": "yellow", "backoff": "red", "stopping": "yellow"}


class Board:
    """The live numbers: of the queries as the sender sees them, and of the models as `/metrics` has them."""

    def __init__(self, application: str, slo_s: float) -> None:
        self._application = application
        self._slo_s = slo_s
        self._tally = Tally()
        self._recent: deque[tuple[float, int]] = deque()
        self._readings = NOTHING
        self._switches: dict[str, tuple[str, Readings]] = {}
        self._models: Sequence[dict[str, Any]] = ()
        self._replicas: Sequence[dict[str, Any]] = ()

    def begin(self) -> None:
        """A new load: its rate starts at nothing."""
        self._recent.clear()

    def count(self, tally: Tally) -> None:
        """How the queries of the present load are doing."""
        now = monotonic()
        self._tally = tally
        self._recent.append((now, tally.answered))
        while self._recent[0][0] < now - RATE_WINDOW_S and len(self._recent) > 2:
            self._recent.popleft()

    def read(self, readings: Readings, state: dict[str, Any]) -> None:
        """What the server says. What was found right counts from when a version became current."""
        for each in state["models"]:
            name, version = each["name"], each["version"]
            if each["current"] and self._switches.get(name, ("", NOTHING))[0] != version:
                self._switches[name] = (version, self._readings)
        self._readings = readings
        self._models = state["models"]
        self._replicas = state["replicas"]

    @property
    def rate(self) -> float:
        """Answers per second, lately."""
        if len(self._recent) < 2:
            return 0.0
        (start, before), (end, after) = self._recent[0], self._recent[-1]
        return (after - before) / (end - start) if end > start else 0.0

    def render(self) -> RenderableType:
        """Two tables."""
        return Padding(Group(self._queries(), Text(), self._per_model()), (1, 0, 0, 2))

    def _queries(self) -> Table:
        tally = self._tally
        columns = (
            "application",
            "answered",
            "per second",
            "right",
            "p50",
            "p99",
            f"in {self._slo_s * 1000:g} ms",
            "defaults",
        )
        row = (
            self._application,
            f"{tally.answered:,}",
            f"{self.rate:,.0f}",
            share(tally.accuracy),
            ms(tally.quantile_s(0.5)),
            ms(tally.quantile_s(0.99)),
            share(tally.share_within(self._slo_s)),
            f"{tally.defaults:,}",
        )
        return _numbers(table("", columns, [row]), from_column=1)

    def _per_model(self) -> Table:
        rows = [self._model_row(each["name"], each["version"], each["current"]) for each in self._models]
        columns = ("model", "version", "replica", "predictions", "batch", "compute", "cache hits", "found right")
        return _numbers(table("", columns, rows), from_column=3)

    def _model_row(self, name: str, version: str, current: bool) -> tuple[object, ...]:
        reading = self._readings.model(name, version)
        states = [one["state"] for one in self._replicas if (one["model"], one["version"]) == (name, version)]
        observed = self._readings.observed_accuracy(name, self._switches[name][1]) if current else None
        return (
            name,
            Text(f"{version} current", style="bold") if current else Text(version, style="dim"),
            Text(", ").join(Text(each, style=REPLICA_STYLES.get(each, "")) for each in states),
            f"{reading.predictions:,.0f}",
            f"{reading.mean_batch:.1f}",
            ms(reading.mean_compute_s),
            share(reading.hit_share),
            "" if observed is None else share(observed),
        )


class Drawing(Protocol):
    """Something that moves."""

    def render(self) -> RenderableType:
        """As it is now."""


class Screen:
    """Where the demo speaks. `with` it: on a terminal its lower part is live meanwhile."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._title = ""
        self._detail = ""
        self._below: Drawing | None = None
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
        )

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @contextmanager
    def step(self, title: str, detail: str, *, below: Drawing | None = None) -> Iterator["Step"]:
        """One step; what it sets as its result is its line once it is done. `below` is drawn live meanwhile."""
        self._title, self._detail, self._below = title, detail, below
        step = Step()
        began = monotonic()
        try:
            yield step
        except BaseException:
            self._print_line(Text("✗", style="bold red"), title, Text(detail))
            raise
        finally:
            self._title = ""
        result = Text(step.result)
        result.append(f"  {monotonic() - began:.1f} s", style="dim")
        self._print_line(Text("✓", style="bold green"), title, result)

    def say(self, text: RenderableType = "") -> None:
        """Something for good, above the live part."""
        self._console.print(text)

    def _print_line(self, mark: Text, title: str, text: Text) -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=TITLE_COLUMNS, style="bold")
        line.add_column()
        line.add_row(mark, title, text)
        self._console.print(line)

    def _render(self) -> RenderableType:
        if not self._title:
            return Text()
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=TITLE_COLUMNS, style="bold")
        line.add_column()
        line.add_row(self._spinner, self._title, Text(self._detail, style="dim"))
        return line if self._below is None else Group(line, self._below.render(), Text())

    @property
    def _spinner(self) -> RenderableType:
        return SPINNER


class Step:
    """A step under way. `result` is what its line will say."""

    result = ""


SPINNER = Spinner("dots", style="cyan")


def console() -> Console:
    """The terminal in its width; anything else in a fixed one, without colours."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def ms(seconds: float) -> str:
    """A latency."""
    return f"{seconds * 1000:.1f} ms"


def share(value: float) -> str:
    """A part of a whole; 0 % and 100 % only if it is nothing and all."""
    percent = value * 100
    return f"{percent:.0f} %" if value in (0.0, 1.0) else f"{min(max(percent, 0.1), 99.9):.1f} %"


def _numbers(made: Table, from_column: int) -> Table:
    for column in made.columns[from_column:]:
        column.justify = "right"
    return made
