"""Has the plots of the sections drawn."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.environment import Unavailable, python_for
from benchmarks.section import Plot, Section

SCRIPT = Path(__file__).with_name("draw.py")
LIMIT_S = 120


def draw(sections: Iterable[Section], folder: Path, cache: Path) -> None:
    """The plots of all sections, see `draw_plots`."""
    draw_plots([plot for section in sections for plot in section.plots], folder, cache)


def draw_plots(wanted: Sequence[Plot], folder: Path, cache: Path) -> None:
    """One SVG for each plot, into `folder`. Raises Unavailable if they cannot be drawn."""
    plots = [asdict(plot) for plot in wanted]
    if not plots:
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(python_for("plots", cache)), str(SCRIPT), str(folder.absolute())]
    text = json.dumps(plots)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise Unavailable(f"the plots cannot be drawn: {done.stderr.strip()[-300:]}")
