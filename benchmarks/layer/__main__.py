"""The command line: `python -m benchmarks.layer` runs all cases, with names only those."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.layer.plots import draw
from benchmarks.layer.run import CASES, Options, run_cases
from benchmarks.layer.section import Section
from benchmarks.processes import adopt_orphans, stop
from benchmarks.report import verdict_sheet

WIDTH = 170  # of the tables where the terminal does not say
DATA_VARIABLE = "CLIPPER_DATA"


def main() -> None:
    options = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}", highlight=False, markup=False)

    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()
    sections = run_cases(Options(options.cases or list(CASES), options.quick, options.data, options.cache), tell)
    show(console, sections)
    if options.plots is not None:
        draw(sections, options.plots, options.cache)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layer", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[[], *CASES], help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="one short round: does it all work?")
    parser.add_argument("--plots", type=Path, help="the folder to draw the plots into")
    add_common(parser)
    return parser.parse_args(arguments)


def add_common(parser: argparse.ArgumentParser) -> None:
    """What `python -m benchmarks` takes, too."""
    data = os.environ.pop(
        DATA_VARIABLE, None
    )  # `clipper serve` refuses variables of its own kind that it does not know
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(data) if data else None,
        help=f"a folder with mnist.npz ({DATA_VARIABLE}); without it, scikit-learn's digits",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("~/.cache/clipper-bench").expanduser(),
        help="where the systems' environments are kept (%(default)s)",
    )


def show(console: Console, sections: Sequence[Section]) -> None:
    for section in sections:
        console.print(f"\n[bold]{section.title}[/bold]")
        if section.failure:
            console.print(f"failed: {section.failure}", highlight=False, markup=False)
        for sheet in (*section.sheets, *([verdict_sheet(section.verdicts)] if section.verdicts else [])):
            sheet.show(console)


if __name__ == "__main__":
    main()
