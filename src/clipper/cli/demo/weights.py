"""The weights of models as they move: a bar for now, and a line of what has been."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

HISTORY = 48
"""Columns of the line; a longer past is drawn thinner."""

BAR_COLUMNS = 20
LEVELS = "▁▂▃▄▅▆▇█"


class Weights:
    """What a policy has thought of its models, one title (a context, say) at a time."""

    def __init__(self, models: Sequence[str]) -> None:
        self._models = tuple(models)
        self._past: dict[str, list[Mapping[str, float]]] = {}

    def add(self, title: str, weights: Mapping[str, float]) -> None:
        """As they are now."""
        self._past.setdefault(title, []).append(weights)

    def now(self, title: str, model: str) -> float:
        """The newest weight; 0 before any."""
        past = self._past.get(title)
        return past[-1].get(model, 0.0) if past else 0.0

    def render(self) -> RenderableType:
        """A line for each model, under its title."""
        return Padding(Group(*(self._table(title) for title in self._past)), (1, 0, 0, 2))

    def _table(self, title: str) -> Table:
        lines = Table.grid(padding=(0, 2))
        lines.add_row(Text(title, style="bold"), Text("weight", style="dim"), "", Text("so far", style="dim"))
        past = self._past[title]
        for model in self._models:
            values = [weights.get(model, 0.0) for weights in past]
            bar = ProgressBar(1.0, values[-1], width=BAR_COLUMNS)
            lines.add_row(f"  {model}", f"{values[-1]:.2f}", bar, Text(sparkline(values, HISTORY), style="cyan"))
        return lines


def sparkline(values: Sequence[float], columns: int) -> str:
    """Numbers from 0 to 1 as little bars, thinned to so many columns."""
    places = range(len(values)) if len(values) <= columns else [n * len(values) // columns for n in range(columns)]
    return "".join(LEVELS[min(len(LEVELS) - 1, max(0, int(values[place] * len(LEVELS))))] for place in places)
