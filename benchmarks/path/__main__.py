"""The command line: `python -m benchmarks.path` prints the profile, `--output docs/profile.md` writes the page."""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console

from benchmarks.machine import describe_machine, describe_occasion
from benchmarks.path.bytecodes import bytecodes_as_python
from benchmarks.path.page import (
    Profile,
    conclusions,
    document,
    frontend_sheet,
    process_sheet,
    sample_sheet,
    stage_sheet,
)
from benchmarks.path.rig import CONNECTIONS, Rig, different_requests, steady_rig
from benchmarks.path.servers import FRONTEND, both_servers
from benchmarks.path.stages import QUERIES, Rounds, stages_as_python, whole_path_us
from benchmarks.processes import adopt_orphans
from clipper.cli.main import build
from clipper.engine.engine import EngineConfig

WIDTH = 150  # of the tables where the terminal does not say
PATH_ROUNDS = 3  # those in one process are short
LIBRARIES = ("uvloop", "msgspec", "httptools")
FILL_QUERIES = 2400 * CONNECTIONS  # more than cache and journal hold by default
AGAIN_WARM_QUERIES = 20 * CONNECTIONS  # after another rig has had the processor's caches


def main() -> None:
    options = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    adopt_orphans()
    machine = describe_occasion() | describe_machine() | {name: version(name) for name in LIBRARIES}
    profile = measure(options, console)
    for sheet in (stage_sheet, process_sheet, frontend_sheet, sample_sheet):
        sheet(profile).show(console)
    if options.output is None:
        console.print(conclusions(profile), markup=False, highlight=False)
    else:
        command = f"python -m benchmarks.path --rounds {options.rounds} --seconds {options.seconds:g}"
        options.output.write_text(document(f"{command} --output docs/profile.md", machine, profile), encoding="utf-8")
        console.print(f"written to {options.output}", highlight=False)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.path", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured (%(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of load in each round (%(default)s)")
    parser.add_argument("--output", type=Path, help="the page to write: docs/profile.md")
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace, console: Console) -> Profile:
    """Some minutes with the default rounds. The drift of a shared machine hits everything in a round alike."""
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}", highlight=False, markup=False)

    tell("bytecodes")
    counts = bytecodes_as_python()
    tell("cache and journal at their default sizes")
    slowdown = uvloop.run(default_sizes_slowdown(2 * PATH_ROUNDS * options.rounds))
    rounds, running = Rounds(), []
    tell("starting servers")
    with both_servers() as (clipper, bare):
        for number in range(options.rounds):
            tell(f"round {number + 1}/{options.rounds}")
            rounds.add(stages_as_python(PATH_ROUNDS))
            running += [uvloop.run(whole_path_us()) for _ in range(PATH_ROUNDS)]
            clipper.load(options.seconds)
            bare.load(options.seconds)
        samples = clipper.samples(FRONTEND, options.seconds)
    return Profile(rounds, counts, running, build(), slowdown, clipper, bare, samples)


async def default_sizes_slowdown(rounds: int) -> float:
    """How many times as long the path takes with a cache and a journal of their default sizes, all of them full."""
    found = []
    async with steady_rig(EngineConfig(), FILL_QUERIES) as full, steady_rig() as small:
        for _ in range(rounds):
            full_us, small_us = [await _warm_us(rig) for rig in (full, small)]
            found.append(full_us / small_us)
    return median(found)


async def _warm_us(rig: Rig) -> float:
    await rig.answer(different_requests(AGAIN_WARM_QUERIES))
    return await rig.answer(different_requests(QUERIES))


if __name__ == "__main__":
    main()
