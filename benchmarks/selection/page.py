"""docs/benchmarks-selection.md: the figures with everything needed to judge and to repeat them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.layer.plots import draw
from benchmarks.layer.section import Section

NAME = "benchmarks-selection.md"
PLOTS = "benchmarks"  # the folder of the drawings, beside the page

ABOUT = """\
What the policies of [the selection layer](policies.md) do: first on streams and real data alone, where every number
depends on seeds and not on the machine, then through a `clipper serve`, on cores that it shares with the load
generator. `python -m benchmarks.selection CASE` repeats one case, `--quick` tries whether it works, `--data` names a
folder with the data (each case says what it wants, and what it takes instead). The paper is Crankshaw et al., *Clipper:
A Low-Latency Online Prediction Serving System*, NSDI 2017.
"""


@dataclass(frozen=True)
class Page:
    """How the figures were made, and what they are."""

    command: str
    machine: Mapping[str, str]
    sections: Sequence[Section]

    def text(self) -> str:
        """The whole page."""
        facts = {**self.machine, "command": f"`{self.command}`"}
        parts = [
            "# Benchmarks of the selection layer",
            "Made by `make bench`; do not edit.",
            "\n".join(f"* {name}: {value}" for name, value in facts.items()),
            ABOUT.strip(),
            *(section.markdown(PLOTS) for section in self.sections),
        ]
        return "\n\n".join(parts).replace("\n### ", "\n## ") + "\n"

    def write(self, path: Path, cache: Path) -> None:
        """The page and, in a folder beside it, its plots."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text())
        draw(self.sections, path.parent / PLOTS, cache)
