"""The package's source in place of its compiled modules: only Python can be traced, and its methods replaced.

`python -m benchmarks.path.source MODULE ARGUMENTS` runs a module in a process that imports the source.
"""

import runpy
import subprocess
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "clipper"


def run_on_source(module: str, *arguments: str) -> bytes:
    """What a module prints, run by this Python on the source. Raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", __name__, module, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout


def import_source() -> None:
    """From now on this process imports PACKAGE from its source. Raises ImportError if it has been imported already."""
    if PACKAGE in sys.modules:
        raise ImportError(f"{PACKAGE} is imported already: import its source first of all")
    found = find_spec(PACKAGE)
    places = (found.submodule_search_locations if found is not None else None) or []
    roots = [Path(place) for place in places]

    def source_only(folder: str) -> FileFinder:
        if not any(Path(folder).is_relative_to(root) for root in roots):
            raise ImportError(f"{folder} is not of {PACKAGE}")  # so that the next hook is asked
        return FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))

    sys.path_hooks.insert(0, source_only)


def main() -> None:
    module = sys.argv[1]
    import_source()
    del sys.argv[0]  # so that the module finds its own
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
