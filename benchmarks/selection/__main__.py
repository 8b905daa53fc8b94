"""`python -m benchmarks.selection` runs all cases, with names only those."""

import sys

from benchmarks.selection.suite import SELECTION

if __name__ == "__main__":
    SELECTION.main(sys.argv[1:])
