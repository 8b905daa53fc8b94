"""The command line: `python -m benchmarks.cache` compares eviction policies, and lets a million queries expire.

With `--mnist FILE` it also measures the approximate cache on real images.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.cache.eviction import measure_eviction
from benchmarks.cache.expiry import measure_expiry

WIDTH = 150  # of the tables where the terminal does not say


def main() -> None:
    options = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if options.requests:
        for sheet in measure_eviction(options.requests, options.keys, options.room):
            sheet.show(console)
    if options.expire:
        measure_expiry(options.expire).show(console)
    if options.mnist is not None:
        from benchmarks.cache.approximate import measure_approximate  # loads scikit-learn

        measure_approximate(options.mnist, options.queries).show(console)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="in each trace (%(default)s), 0 for none")
    parser.add_argument("--keys", type=int, default=100_000, help="different inputs (%(default)s)")
    parser.add_argument("--room", type=float, default=0.1, help="as a share of the keys (%(default)s)")
    parser.add_argument("--expire", type=int, default=1_000_000, help="queries that nobody answers (%(default)s), or 0")
    parser.add_argument("--mnist", type=Path, help="an .npz file with x_train, y_train, x_test")
    parser.add_argument("--queries", type=int, default=30_000, help="in each stream of images (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
