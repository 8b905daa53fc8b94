"""Environments of the frameworks, made by the server's own builder and kept from one run to the next.

A framework's own answers come from programs in `tests/frameworks/own`, which run in its environment: this one has none
of the frameworks. They may use our client too; what that needs and the environment lacks comes from this one.
"""

import asyncio
import logging
import os
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

OLD_PYTHONS = {"bvlc_caffe": "3.9", "turicreate": "3.8"}
"""Of frameworks that Python 3.11 is too new for; found on PATH, or where pyenv keeps them."""

PROGRAM_TIMEOUT_S = 300.0

_RUN = (
    "import runpy, sys; sys.path += [sys.argv.pop(1), sys.argv.pop(1)]; "
    "runpy.run_module(sys.argv.pop(1), None, '__main__')"
)

_log = logging.getLogger(__name__)


def home() -> Path:
    """The server's home folder, empty but for its environments."""
    folder = Path(os.environ.get(HOME_VARIABLE) or ROOT / ".venv" / ".frameworks")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.name != "envs":
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
    return python_of(requirements_of(framework), home, OLD_PYTHONS.get(framework, ""))


def python_of(requirements: list[str], home: Path, old_python: str = "") -> Path:
    """The same for requirements, and for a Python that only containers of framework "command" run on."""
    folder = home / "envs"
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = Manifest(
        framework="python",
        entry="none",
        input_type=InputType.DOUBLES,
        requirements=tuple(requirements),
    )
    if old_python:
        wanted = replace(wanted, framework=COMMAND, python=old_python)
    environments = EnvironmentFolder(folder, dict(os.environ), ArtifactConfig())
    return asyncio.run(environments.prepare(wanted, _log.info)).python


def run_own(python: Path, program: str, *arguments: object) -> str:
    """What `tests.frameworks.own.<program>` prints; its own words if it fails."""
    site_packages = sysconfig.get_path("purelib")
    command = [str(python), "-c", _RUN, str(ROOT), site_packages, f"tests.frameworks.own.{program}"]
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
