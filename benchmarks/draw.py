"""Draws plots with matplotlib, in an environment of its own: `draw.py FOLDER < plots.json`. Standard library and it."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found]
from matplotlib import pyplot

SIZE = (8.0, 4.0)  # inches


def draw(plot: dict[str, Any], folder: Path) -> None:
    """One plot, a field for a field of `section.Plot`."""
    figure, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
    for line in plot["lines"]:
        marker = "." if len(line["x"]) < 50 else None
        (drawn,) = axes.plot(line["x"], line["y"], label=line["label"], linewidth=1.5, marker=marker)
        if line["low"]:
            axes.fill_between(line["x"], line["low"], line["high"], color=drawn.get_color(), alpha=0.2, linewidth=0)
    for name, y in plot["limits"]:
        axes.axhline(y, color="grey", linestyle="--", linewidth=1, label=name)
    for name, x in plot["marks"]:
        axes.axvline(x, color="grey", linestyle=":", linewidth=1, label=name)
    if plot["log_x"]:
        axes.set_xscale("log")
    if plot["log_y"]:
        axes.set_yscale("log")
    axes.set(title=plot["title"], xlabel=plot["x_label"], ylabel=plot["y_label"])
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(folder / f"{plot['name']}.svg", metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "clipper"  # the same figures make the same file
    mpl.rcParams["svg.fonttype"] = "none"
    for each in json.load(sys.stdin):
        draw(each, Path(sys.argv[1]))
