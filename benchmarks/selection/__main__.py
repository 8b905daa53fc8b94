"""The command line: `python -m benchmarks.selection` runs all cases, with names only those."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.layer.plots import draw
from benchmarks.machine import describe_machine
from benchmarks.options import add_folders
from benchmarks.processes import adopt_orphans, stop
from benchmarks.selection.page import Page
from benchmarks.selection.run import CASES, Options, run_cases

WIDTH = 170  # of the tables where the terminal does not say


def main() -> None:
    options = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}", highlight=False, markup=False)

    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()
    machine = describe_machine()
    sections = run_cases(Options(options.cases or list(CASES), options.quick, options.data, options.cache), tell)
    for section in sections:
        section.show(console)
    if options.output is not None:
        names = "".join(f" {name}" for name in options.cases) + (" --quick" if options.quick else "")
        Page(f"python -m benchmarks.selection{names}", machine, sections).write(options.output, options.cache)
        console.print(f"written to {options.output}", highlight=False)
    elif options.plots is not None:
        draw(sections, options.plots, options.cache)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[[], *CASES], help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="one short round: does it all work?")
    parser.add_argument("--plots", type=Path, help="the folder to draw the plots into")
    parser.add_argument("--output", type=Path, help="the page to write, with its plots in a folder beside it")
    add_folders(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
