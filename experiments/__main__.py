"""The command line: `python -m experiments` runs all experiments, with names only those."""

import argparse
import importlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.options import add_folders
from benchmarks.plots import draw_plots
from benchmarks.processes import adopt_orphans, stop
from benchmarks.rounds import FAILURES, reason
from benchmarks.suite import teller, terminal
from experiments.lib.conversation import ConversationError
from experiments.lib.data import Data
from experiments.lib.finding import Finding, Result, read_result, sheet
from experiments.lib.machine import machine
from experiments.lib.page import page
from experiments.lib.setting import Setting

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "experiments.md"
NAMES = (
    "table1",
    "fig3",
    "fig4",
    "fig5",
    "fig6",
    "fig7",
    "fig8",
    "fig9",
    "fig10",
    "fig11",
    "cache",
    "overload",
    "velox",
    "chaos",
    "generators",
)
"""A folder each, in the order of the paper; then what it does not have."""


def main() -> int:
    """Run, say the verdicts, keep the results. Returns how many experiments failed."""
    options = parse(sys.argv[1:])
    console = terminal()
    tell = teller(console)
    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()
    failed = 0
    if options.page:
        write_page()
        return 0
    chosen: list[str] = options.names or list(NAMES)
    for number, name in enumerate(chosen, 1):
        tell(f"{name}: experiment {number} of {len(chosen)}")
        try:
            result = run(name, options, tell)
        except (*FAILURES, ConversationError) as error:
            tell(f"{name} failed: {reason(error)}")
            failed += 1
            continue
        show(console, result.finding)
        if options.keep:
            keep(result, options.cache)
    if options.keep:
        write_page()
    return failed


def write_page() -> None:
    """From all results there are."""
    PAGE.write_text(page(results(), FOLDER), encoding="utf-8")


def run(name: str, options: argparse.Namespace, tell: Callable[[str], None]) -> Result:
    """One experiment."""
    experiment: Callable[[Setting], Finding] = importlib.import_module(f"experiments.{name}.run").run
    began, facts = time.monotonic(), machine()
    with tempfile.TemporaryDirectory(prefix="ce-", ignore_cleanup_errors=True) as folder:
        found = experiment(Setting(options.quick, Data(options.data), Path(folder), options.cache, tell))
    command = f"python -m experiments {name}" + (" --quick" if options.quick else "")
    return Result(found, command, options.quick, round(time.monotonic() - began, 1), facts)


def keep(result: Result, cache: Path) -> None:
    """The result and its plots, in the experiment's folder."""
    folder = FOLDER / result.finding.name
    result.write(folder)
    draw_plots(result.finding.plots, folder, cache)


def results() -> list[Result]:
    """All there are."""
    return [result for name in NAMES if (result := read_result(FOLDER / name)) is not None]


def show(console: Console, found: Finding) -> None:
    """Tables and verdicts."""
    for table in found.tables:
        table.show(console)
    rows = [(each.text, each.promised, each.measured.text(each.unit), each.verdict) for each in found.claims]
    sheet(found.name, ("claim", "promised", "measured", "verdict"), rows).show(console)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Quick results are shown and not kept, unless that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *NAMES], help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: does it work?")
    parser.add_argument("--keep", action=argparse.BooleanOptionalAction, help="write results and page (unless --quick)")
    parser.add_argument(
        "--page", action="store_true", help="run nothing, write the page from the results that are there"
    )
    add_folders(parser)
    options = parser.parse_args(arguments)
    if options.keep is None:
        options.keep = not options.quick
    return options


if __name__ == "__main__":
    sys.exit(main())
