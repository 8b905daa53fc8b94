"""`python -m benchmarks.layer` runs all cases, with names only those."""

import sys

from benchmarks.layer.suite import LAYER

if __name__ == "__main__":
    LAYER.main(sys.argv[1:])
