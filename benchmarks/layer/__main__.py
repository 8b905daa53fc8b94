"""The command line: `python -m benchmarks.layer` runs all cases, with names only those."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.layer.plots import draw
from benchmarks.layer.run import CASES, Options, run_cases
from benchmarks.options import add_folders
from benchmarks.processes import adopt_orphans, stop

WIDTH = 170  # of the tables where the terminal does not say


def main() -> None:
    options = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}", highlight=False, markup=False)

    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()
    sections = run_cases(Options(options.cases or list(CASES), options.quick, options.data, options.cache), tell)
    for section in sections:
        section.show(console)
    if options.plots is not None:
        draw(sections, options.plots, options.cache)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layer", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[[], *CASES], help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="one short round: does it all work?")
    parser.add_argument("--plots", type=Path, help="the folder to draw the plots into")
    add_folders(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
