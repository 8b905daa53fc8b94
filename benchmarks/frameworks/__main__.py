"""Measures every case and writes docs/frameworks.md."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.frameworks.cases import CASES, IMPOSSIBLE, Case
from clipper.client.packaging import PackageOptions, package
from clipper.core.native_libraries import ONE_THREAD

PAGE = Path("docs/frameworks.md")
ATTEMPTS = 3

HEAD = """# Frameworks

What can be served, and what it costs in one container. Made by `python -m benchmarks.frameworks`; the models are those
of `examples/`. A framework is recognised by the content of what is deployed, or named with `--framework`; other
containers, in any language, are started by `--command` ([containers.md](containers.md)).

Measured in one process with one thread. *start*: from the start of the process until it has loaded the model and
answered, with byte code on disk, the best of three. *one*, *64*: the median of a batch of one and of 64 inputs, from
the batch's bytes to the answers'. *memory*: resident, after that.

| framework | version | taken | start | one | 64 | memory |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    rows = [_row(case) for case in CASES]
    impossible = "\n".join(f"| {name} | {tried} |" for name, tried in IMPOSSIBLE.items())
    tail = f"\n## What cannot be\n\n| ✗ | what was tried, and what is nearest |\n|---|---|\n{impossible}\n"
    PAGE.write_text(HEAD + "".join(f"{row}\n" for row in rows) + tail)


def _row(case: Case) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        importlib.import_module(f"examples.{case.framework}.train").main(folder)
        example = [[0.5] * 6] * 20 if case.framework in ("htk", "hmmlearn") else [0.5] * _features(case)
        options = PackageOptions(framework=case.framework, input_type=case.input_type, example=example)
        package(folder / case.file, folder / "bundle", options)
        seconds, found = min((_probed(folder / "bundle") for _ in range(ATTEMPTS)), key=lambda each: each[0])
    return (
        f"| {case.title} | {case.shown} {version(case.shown)} | {case.how} | {seconds:.2f} s "
        f"| {found['one_ms']:.3f} ms | {found['batch_ms']:.3f} ms | {found['rss_mb']:.0f} MB |"
    )


def _features(case: Case) -> int:
    features: int = importlib.import_module(f"examples.{case.framework}.train").FEATURES
    return features


def _probed(bundle: Path) -> tuple[float, dict[str, float]]:
    """Seconds until the first answer, and what was measured then."""
    environment = {**os.environ, **ONE_THREAD}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    command = [sys.executable, "-m", "clipper.container", "--bundle", str(bundle), "--dry-run"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    probe = [sys.executable, "-m", "benchmarks.frameworks.probe", str(bundle)]
    done = subprocess.run(probe, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return seconds, found


if __name__ == "__main__":
    main()
