"""One row of the page: a model made and measured in the environment of its framework."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.frameworks.cases import Case
from clipper.client.packaging import PackageOptions, package
from clipper.container.bundle import COMMAND, MANIFEST_NAME, read_manifest
from clipper.core.errors import ClipperError
from clipper.core.native_libraries import FAST_COPIES, ONE_THREAD
from clipper.management.launchers.local import SILENCE
from tests.frameworks.environments import ROOT, python_for

ATTEMPTS = 3

_LEAKING = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


class NotMeasured(Exception):
    """What this machine lacks for a case."""


def row_of(case: Case, home: Path) -> str:
    """The row of a case, in Markdown.

    Args:
        home: has the environments, or gets them.

    Raises:
        NotMeasured: this machine lacks a program that it needs, or its environment cannot be made here.
        subprocess.CalledProcessError: the model cannot be made or loaded, which is a fault of ours.
    """
    if case.program and shutil.which(case.program) is None:
        raise NotMeasured(f"there is no {case.program} on this machine")
    python = _python(case.environment, home)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        trainer = python if case.trained_in is None else _python(case.trained_in, home)
        _run(*_training(case, trainer), folder)
        bundle = _bundle(case, folder)
        found = min((_probed(python, bundle) for _ in range(ATTEMPTS)), key=lambda each: each["start_s"])
    return (
        f"| {case.title} | {case.shown} {_version(case, python)} | {case.how} | {found['start_s']:.2f} s "
        f"| {found['one_ms']:.3f} ms | {found['batch_ms']:.3f} ms | {found['rss_mb']:.0f} MB |"
    )


def _bundle(case: Case, folder: Path) -> Path:
    """What the example has made: a bundle as it is, or a model that is packaged now."""
    made = folder / case.file
    if (made / MANIFEST_NAME).is_file():
        return made
    options = PackageOptions(framework=case.framework, input_type=case.input_type, example=case.example)
    package(made, folder / "packaged", options)
    return folder / "packaged"


def _training(case: Case, python: Path) -> list[object]:
    if case.script:
        return [case.program, "--vanilla", case.script]
    return [python, "-m", f"examples.{case.framework}.train"]


def _version(case: Case, python: Path) -> str:
    if case.script:
        return _run(case.program, "-e", "cat(as.character(getRversion()))")
    return _run(python, "-c", _VERSION, case.shown).strip()


def _python(environment: str, home: Path) -> Path:
    if not environment:
        return Path(sys.executable)
    try:
        return python_for(environment, home)
    except ClipperError as error:
        raise NotMeasured(f"its environment cannot be made on this machine ({error.code})") from error


def _probed(python: Path, bundle: Path) -> dict[str, float]:
    start = time.monotonic()
    command = read_manifest(bundle).framework == COMMAND
    program = [sys.executable if command else python, "-m", "benchmarks.frameworks.probe", bundle]
    found: dict[str, float] = json.loads(_run(*program, first_on_path=python.parent).splitlines()[-1])
    return {**found, "start_s": found["ready_s"] - found.get("start_s", start)}


def _run(*command: object, first_on_path: Path | None = None) -> str:
    """What a command prints, run as a container is; its own words on standard error if it fails."""
    variables = {**FAST_COPIES, **SILENCE, **os.environ, **ONE_THREAD}
    for name in _LEAKING:
        variables.pop(name, None)
    if first_on_path is not None:  # as the launcher has it: where the command of a bundle finds its Python
        variables["PATH"] = os.pathsep.join([str(first_on_path), variables.get("PATH", os.defpath)])
    ended = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        sys.stderr.write(ended.stderr)
        ended.check_returncode()
    return ended.stdout
