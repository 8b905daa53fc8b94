"""Measures every case, or those that are named, and writes docs/frameworks.md."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from benchmarks.frameworks import page
from benchmarks.frameworks.cases import CASES, Case
from benchmarks.frameworks.measure import NotMeasured, row_of
from benchmarks.frameworks.targets import TARGETS, TITLES
from tests.frameworks.environments import home

NAMES = (*dict.fromkeys(name for case in CASES for name in (case.framework, case.title)), *TARGETS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    words = f"renew what concerns this and leave the rest of the page; again for several: {', '.join(NAMES)}"
    parser.add_argument("--only", metavar="NAME", action="append", choices=NAMES, help=words)
    wanted = parser.parse_args().only or NAMES
    folder = home()
    for case in CASES:
        if {case.framework, case.title} & set(wanted):
            _renew([_line(case, folder)])
    for name, measure in TARGETS.items():
        if name in wanted:
            _renew(map(str, measure()))


def _renew(lines: Iterable[str]) -> None:
    """At once: what was measured stays if another case fails."""
    page.write(page.read() | page.rows_of(lines), TITLES)


def _line(case: Case, folder: Path) -> str:
    try:
        return row_of(case, folder)
    except NotMeasured as lacking:
        return f"| {case.title} | not measured: {lacking} | {case.how} | | | | |"


if __name__ == "__main__":
    main()
