"""A suite of cases: running them one after the other, its command line and its page."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from rich.console import Console

from benchmarks.bench import Bench, Tell
from benchmarks.machine import Run, this_run
from benchmarks.options import add_folders
from benchmarks.plots import draw
from benchmarks.processes import adopt_orphans, stop
from benchmarks.rounds import FAILURES, reason
from benchmarks.section import Section

PLOTS = "benchmarks"  # the folder of the drawings, beside the page
HEADING = "\n## "  # of a case's part of the page
FULL, QUICK = (3.0, 3), (1.0, 1)  # seconds of a measurement, rounds
WIDTH = 170  # of the tables where the terminal does not say

Cases = TypeVar("Cases", bound=Bench)


def terminal() -> Console:
    """For tables."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def teller(console: Console) -> Tell:
    """Says what is being done, and when."""
    began = time.monotonic()
    return lambda text: console.print(f"{time.monotonic() - began:7.1f} s  {text}", highlight=False, markup=False)


@dataclass(frozen=True)
class Suite(Generic[Cases]):
    """What belongs together: `module` runs it alone, `file` is its page in docs/, `bench` what its cases are given."""

    module: str
    file: str
    title: str
    about: str
    bench: type[Cases]
    cases: Mapping[str, Callable[[Cases], Section]]

    def main(self, arguments: Sequence[str]) -> None:
        """The command line of the module."""
        options = self._parse(arguments)
        console = terminal()
        signal.signal(signal.SIGTERM, stop)
        adopt_orphans()
        run = this_run(" ".join([f"python -m {self.module}", *options.cases]))
        sections = self.run(options, options.cases or list(self.cases), teller(console))
        self.publish(console, run, sections, options)

    def run(self, options: argparse.Namespace, names: Sequence[str], tell: Tell) -> list[Section]:
        """A section for each case; that of one that fails says so."""
        seconds, rounds = QUICK if options.quick else FULL
        sections = []
        with tempfile.TemporaryDirectory(prefix="cb-", ignore_cleanup_errors=True) as folder:
            bench = self.bench(seconds, rounds, options.quick, options.data, Path(folder), options.cache, tell)
            for name in names:
                tell(f"case {name}")
                try:
                    sections.append(self.cases[name](bench))
                except FAILURES as error:
                    tell(f"{name} failed: {error}")
                    sections.append(Section(name, name.capitalize(), "", failure=reason(error)))
        return sections

    def publish(self, console: Console, run: Run, sections: Sequence[Section], options: argparse.Namespace) -> None:
        """On the console and, if there is a folder for it, as a page with its plots."""
        for section in sections:
            section.show(console)
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
            page = options.output / self.file
            page.write_text(self.page(run, sections, page.read_text() if page.exists() else ""))
            draw(sections, options.output / PLOTS, options.cache)
            console.print(f"written to {page}", highlight=False)

    def page(self, run: Run, sections: Sequence[Section], before: str = "") -> str:
        """Everything needed to judge the figures and to repeat them.

        Cases that did not run this time keep the part they have in the page `before`: each says when it was measured.
        """
        parts = dict(part.split("\n", 1) for part in before.split(HEADING)[1:])
        for section in sections:
            title, text = section.markdown(PLOTS).removeprefix(HEADING.strip("\n")).split("\n", 1)
            parts[title] = f"{text.rstrip()}\n\n{run.stamp()}.\n"
        head = [f"# {self.title}", "Made by `make bench`; do not edit.", run.lasting(), self.about.strip()]
        return "\n\n".join(head) + "\n" + "".join(f"{HEADING}{title}\n{text}" for title, text in parts.items())

    def _parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        names = list(self.cases)
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=f"{self.title}: all, or some.")
        parser.add_argument("cases", nargs="*", metavar="CASE", choices=[[], *names], help=f"of {', '.join(names)}")
        parser.add_argument("--quick", action="store_true", help="one short round: does it all work?")
        parser.add_argument("--output", type=Path, help="the folder to write the page and its plots into")
        add_folders(parser)
        return parser.parse_args(arguments)
