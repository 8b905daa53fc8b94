"""Where a process under load spends its CPU time, by place: the samples of `perf` (Debian: linux-perf)."""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

FREQUENCY = 2000
KERNEL = "the kernel"
EVALUATION = "the interpreter: bytecodes"
REST = "other libraries"
PLACES = (
    (re.compile(r"\[vdso\]|lib(c|m|pthread)[.-]|ld-"), "libc"),
    (re.compile(r"\["), KERNEL),
    (re.compile(r"(lib)?python3"), "the interpreter: its objects, calls and memory"),
    (re.compile(r"loop\."), "uvloop"),
    (re.compile(r"_core\."), "msgspec"),
)
"""How the name of a shared object begins."""

COMPILED = "compiled__mypyc."
COMPILED_PREFIX = "compiled: "
MODULE = re.compile(r"(?:CPy[A-Z][a-z]+_)?([a-z_]+?)___")
"""How mypyc names what it makes of a module: CPyDef_queue___DeadlineQueue___take."""


def sampled(pid: int, seconds: float, load: Callable[[], object]) -> dict[str, float]:
    """The share of each place while `load` runs. Empty where perf is missing or may not look into the kernel."""
    perf = shutil.which("perf")
    if perf is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="cb-") as folder:
        file = str(Path(folder, "samples"))
        record = [perf, "record", "-q", "-F", str(FREQUENCY), "-p", str(pid), "-o", file, "--", "sleep", f"{seconds:g}"]
        with subprocess.Popen(record, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            load()
        report = [perf, "report", "-q", "-i", file, "--no-children", "--stdio", "-F", "period,dso,symbol", "-t", ";"]
        done = subprocess.run(report, capture_output=True, text=True, check=False)
    shares = by_place(done.stdout)
    return shares if KERNEL in shares else {}


def by_place(report: str) -> dict[str, float]:
    """The shares in perf's lines of `period;shared object;[.] symbol`, the largest first."""
    periods: Counter[str] = Counter()
    for line in report.splitlines():
        period, *where = (part.strip() for part in line.split(";"))
        if period.isdigit():
            dso, symbol = where
            periods[place(dso, symbol.partition("] ")[2])] += int(period)
    return {name: period / periods.total() for name, period in periods.most_common()}


def place(dso: str, symbol: str) -> str:
    if symbol.startswith("_PyEval_EvalFrame"):
        return EVALUATION
    if dso.startswith(COMPILED):
        module = MODULE.match(symbol)
        return COMPILED_PREFIX + (f"`{module[1]}`" if module is not None else "what mypyc adds")
    return next((name for begin, name in PLACES if begin.match(dso)), REST)
