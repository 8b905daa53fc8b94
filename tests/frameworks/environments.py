"""Environments of the frameworks, made by the server's own builder and kept from one run to the next.

A framework's own answers come from programs in `tests/frameworks/own`, which run in its environment: this one has none
of the frameworks. They may use our client too; what that needs and the environment lacks comes from this one.
"""

import asyncio
import logging
import os
import platform
import shutil
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

from clipper.container.bundle import COMMAND, Manifest
from clipper.core.inputs import InputType
from clipper.management.config import ArtifactConfig
from clipper.management.environments import EnvironmentFolder

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "frameworks"

HOME_VARIABLE = "FRAMEWORKS_HOME"
"""Names the folder that keeps the environments; several gigabytes."""

HERE = ".".join(platform.python_version_tuple()[:2])

COMMAND_PYTHONS = {"bvlc_caffe": "3.9", "turicreate": "3.8", "julius": HERE, "kaldi": HERE}
"""Of frameworks that are served by a command, some on a Python that is too old for us: where PATH or pyenv has it."""

BY_HAND = frozenset({"turicreate"})
"""Of these, requirements are all that is installed: their packages ask for gigabytes which their models do not use."""

KEPT_BY_HAND = "by-hand"

PROGRAM_TIMEOUT_S = 300.0

_RUN = (
    "import os, runpy, sys; sys.path += sys.argv.pop(1).split(os.pathsep); "
    "runpy.run_module(sys.argv.pop(1), None, '__main__')"
)

_log = logging.getLogger(__name__)


def home() -> Path:
    """The server's home folder, empty but for its environments."""
    folder = Path(os.environ.get(HOME_VARIABLE) or ROOT / ".venv" / ".frameworks")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.name not in ("envs", KEPT_BY_HAND):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    return folder


def requirements_of(framework: str) -> list[str]:
    """The pinned requirements of a framework's environment."""
    return requirements_in(REQUIREMENTS / f"{framework}.txt")


def requirements_in(file: Path) -> list[str]:
    """What a file of requirements names."""
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def python_for(framework: str, home: Path) -> Path:
    """The interpreter of a framework's environment, built now if it is not there.

    Raises:
        ClipperError: as the server's builder: INVALID_ARGUMENT that names the Python which this machine lacks.
    """
    if framework in BY_HAND:
        return _made_by_hand(framework, home)
    return python_of(requirements_of(framework), home, COMMAND_PYTHONS.get(framework, ""))


def _made_by_hand(framework: str, home: Path) -> Path:
    """An environment that the server's builder could not make: without the dependencies that packages name."""
    folder = home / KEPT_BY_HAND / framework
    python, marker = folder / "bin" / "python", folder / "whole"
    if not marker.exists():
        base = python_of(["setuptools"], home, COMMAND_PYTHONS[framework])
        requirements = str(REQUIREMENTS / f"{framework}.txt")
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", requirements], check=True, env=variables
        )
        marker.touch()
    return python


def python_of(requirements: list[str], home: Path, for_command: str = "") -> Path:
    """The same for requirements; or for the Python of a command, which has nothing but those installed."""
    folder = home / "envs"
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = Manifest(
        framework="python",
        entry="none",
        input_type=InputType.DOUBLES,
        requirements=tuple(requirements),
    )
    if for_command:
        wanted = replace(wanted, framework=COMMAND, command=("python",), python=for_command)
    environments = EnvironmentFolder(folder, dict(os.environ), ArtifactConfig())
    return asyncio.run(environments.prepare(wanted, _log.info)).python


def run_own(python: Path, program: str, *arguments: object) -> str:
    """What `tests.frameworks.own.<program>` prints; its own words if it fails."""
    # Packages of this Python are of no use to an older one.
    folders = [str(ROOT)] if program in COMMAND_PYTHONS else [str(ROOT), sysconfig.get_path("purelib")]
    command = [str(python), "-c", _RUN, os.pathsep.join(folders), f"tests.frameworks.own.{program}"]
    ended = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, f"{program}: {ended.stdout}{ended.stderr}"
    return ended.stdout
