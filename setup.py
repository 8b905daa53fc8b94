"""Builds the package, and compiles its hot path with mypyc where a C compiler and Python's headers are at hand.

The compiled modules are the same source, checked types and all. Without a compiler they run as they are, which costs a
busy frontend about a fifth of its throughput: `clipper --version` tells which it is. See docs/decisions/0015.
"""

import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

PACKAGE = Path("src/clipper")

HOT_PATH = (
    "core/histogram.py",
    "core/inputs.py",
    "wire/batches.py",
    "wire/frames.py",
    "wire/session.py",
    "abstraction/admission.py",
    "abstraction/approximate/effort.py",
    "abstraction/batching/aimd.py",
    "abstraction/batching/bounded.py",
    "abstraction/batching/deadline.py",
    "abstraction/batching/delay.py",
    "abstraction/batching/fixed.py",
    "abstraction/batching/latency.py",
    "abstraction/batching/quantile.py",
    "abstraction/cache.py",
    "abstraction/dispatch.py",
    "abstraction/evaluation.py",
    "abstraction/measures.py",
    "abstraction/model.py",
    "abstraction/queue.py",
    "abstraction/replica.py",
    "abstraction/terms.py",
    "container/batches/inputs.py",
    "container/model.py",
    "container/peer.py",
    "container/runner.py",
    "engine/application.py",
    "engine/cells.py",
    "engine/deadlines.py",
    "engine/evidence.py",
    "engine/feedback.py",
    "engine/journal.py",
    "engine/query.py",
    "engine/repeats.py",
    "engine/shedding.py",
    "engine/states.py",
    "frontend/bodies.py",
    "frontend/connection.py",
    "frontend/requests.py",
    "frontend/responses.py",
    "frontend/service.py",
    "selection/ensembles/means.py",
    "selection/ensembles/votes.py",
    "selection/exponential.py",
    "selection/rewards.py",
    "selection/scores.py",
)
"""What a query, and a feedback, runs through, below the package."""

LIBRARY = "clipper.compiled"
"""All of it is linked into one extension module of this name, so that calls between modules are calls in C."""


class CompileHotPath(build_ext):
    """Compiles HOT_PATH into one library, or leaves everything as Python and says why."""

    def run(self) -> None:
        """Compile, then build as usual."""
        self.distribution.ext_modules = self._extensions()
        self.swig_opts = None  # as it was before `finalize_options`, which has to look at the new extensions
        super().finalize_options()
        for module in PACKAGE.rglob("*.so"):
            module.unlink()  # of an earlier build: nothing compiled may stand in for newer source
        try:
            super().run()
        except (CompileError, LinkError) as error:
            self.warn(f"The hot path stays Python, since it does not compile: {error}")
            for output in self.get_outputs():
                Path(output).unlink(missing_ok=True)
        for module in PACKAGE.rglob("*.so"):
            module.touch()  # what did not change was not made again; the tests refuse a module older than its source

    def _extensions(self) -> list[Extension]:
        header = Path(sysconfig.get_path("include"), "Python.h")
        if not header.exists():
            self.warn(f"The hot path stays Python, since {header} is missing: install Debian's python3-dev or the like")
            return []
        from mypyc.build import mypycify  # noqa: PLC0415 - takes seconds, so only where it is used

        modules = [str(PACKAGE / module) for module in HOT_PATH]
        try:
            return mypycify(["--ignore-missing-imports", *modules], group_name=LIBRARY, opt_level="3", debug_level="0")
        except SystemExit as error:  # how mypyc says that the types are not right
            self.warn(f"The hot path stays Python, since mypyc refuses it: {error}")
            return []


setup(ext_modules=[Extension(f"{LIBRARY}__mypyc", sources=[])], cmdclass={"build_ext": CompileHotPath})
