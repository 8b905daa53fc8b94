"""The command line: `python -m benchmarks` measures everything and writes the pages docs/benchmarks*.md."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.document import Found, document
from benchmarks.layer.suite import LAYER
from benchmarks.machine import Run, this_run
from benchmarks.memory import measure_memory
from benchmarks.options import add_folders
from benchmarks.peers import TARGETS
from benchmarks.peers.target import REPOSITORY
from benchmarks.processes import adopt_orphans, stop
from benchmarks.report import error_notes
from benchmarks.rounds import FAILURES, Tell, run_rounds, sweep
from benchmarks.selection.suite import SELECTION
from benchmarks.slo import inside_slo
from benchmarks.startup import measure_startup
from benchmarks.suite import Suite, teller, terminal
from benchmarks.targets import CLIPPER, Extras

SWEEP_S = 3.0
PAGE = "benchmarks.md"
SERVERS = "servers"
SUITES: dict[str, Suite[Any]] = {"layer": LAYER, "selection": SELECTION}
SECTIONS = (SERVERS, *SUITES)


def main() -> None:
    options = parse(sys.argv[1:])
    console = terminal()
    tell = teller(console)
    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()
    run = this_run(command(options))
    if SERVERS in options.section:
        found = Found([target for target in TARGETS if not options.only or target.name in options.only])
        measure_servers(found, options, tell)
        publish(console, run, found, options)
    for name in options.section:
        if name in SUITES:
            suite = SUITES[name]
            suite.publish(console, run, suite.run(options, list(suite.cases), tell), options)


def measure_servers(found: Found, options: argparse.Namespace, tell: Tell) -> None:
    """Clipper and its peers, with models that cost nothing."""
    if options.sweep:
        sweep(found.targets, found.results, SWEEP_S, options.cache, tell)
    run_rounds(found.targets, found.results, options.rounds, options.seconds, options.cache, tell)
    if any(target.name == CLIPPER for target in found.targets) and CLIPPER not in found.results.failures:
        measure_extras(found.extras, options, tell)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [target.name for target in TARGETS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, help="how often every system is measured (3)")
    parser.add_argument("--seconds", type=float, help="of each measurement (5)")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s, no sweep: does it all work?")
    parser.add_argument(
        "--no-sweep", dest="sweep", action="store_false", help="use the batching settings known to be best"
    )
    parser.add_argument("--queries", type=int, help="of the memory test (2,000,000)")
    parser.add_argument(
        "--section",
        action="append",
        choices=SECTIONS,
        help="only this: Clipper beside other servers, or the cases of its model abstraction or selection layer",
    )
    add_folders(parser)
    parser.add_argument("--output", type=Path, help="the folder to write the pages into (docs for a full run)")
    options = parser.parse_args(arguments)
    quick, full = (1, 2.0, 200_000), (3, 5.0, 2_000_000)
    rounds, seconds, queries = quick if options.quick else full
    options.rounds = options.rounds or rounds
    options.seconds = options.seconds or seconds
    options.queries = options.queries or queries
    options.sweep = options.sweep and not options.quick
    options.cache = options.cache.absolute()
    options.section = options.section or ([SERVERS] if options.only else list(SECTIONS))
    if options.output is None and not options.quick and not options.only:
        options.output = REPOSITORY / "docs"
    return options


def command(options: argparse.Namespace) -> str:
    """What repeats this run, without this machine's folders."""
    sizes = f"--rounds {options.rounds} --seconds {options.seconds:g} --queries {options.queries}"
    only = "".join(f" --only {name}" for name in options.only or ())
    if set(options.section) != set(SECTIONS):
        only += "".join(f" --section {name}" for name in options.section)
    return f"python -m benchmarks {sizes}{only}" + ("" if options.sweep else " --no-sweep")


def measure_extras(extras: Extras, options: argparse.Namespace, tell: Tell) -> None:
    """What is measured of Clipper alone. What fails stays unmeasured, and is said."""
    try:
        tell("half of the load, on a schedule of its own")
        extras.slo_rate, extras.slo = inside_slo(2 * options.seconds, options.cache)
        tell("first prediction after a start")
        extras.startups_s = measure_startup(options.rounds)
        tell(f"memory over {options.queries:,} queries")
        extras.memory = measure_memory(options.queries, options.cache, tell)
    except FAILURES as error:
        tell(f"failed: {error}")


def publish(console: Console, run: Run, found: Found, options: argparse.Namespace) -> None:
    for name, value in run.machine.items():
        console.print(f"{name}: {value}", highlight=False)
    for sheet in found.sheets().values():
        if sheet.rows:
            sheet.show(console)
    for note in error_notes(found.targets, found.results):
        console.print(note, highlight=False)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / PAGE).write_text(document(run, found))
        console.print(f"written to {options.output / PAGE}", highlight=False)


if __name__ == "__main__":
    main()
