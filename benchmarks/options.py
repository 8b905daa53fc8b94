"""Options that several of the benchmarks' command lines take."""

import argparse
import os
from pathlib import Path

DATA_VARIABLE = "CLIPPER_DATA"


def add_folders(parser: argparse.ArgumentParser) -> None:
    """`--data` and `--cache`."""
    data = os.environ.pop(DATA_VARIABLE, None)  # `clipper serve` refuses variables of its name that it does not know
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(data) if data else None,
        help=f"a folder with mnist.npz ({DATA_VARIABLE}); without it, scikit-learn's digits are the images",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("~/.cache/clipper-bench").expanduser(),
        help="where the systems' environments are kept (%(default)s)",
    )
