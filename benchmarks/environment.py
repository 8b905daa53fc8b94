"""What has to be installed: the load generator and nginx from Debian, each peer in a virtual environment of its own.

An environment is made once per distinct list of pinned requirements and kept under the cache folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
DEBIAN = {"wrk": "wrk", "hey": "hey", "nginx": "nginx-light"}  # program: package
SYSTEM_PROGRAMS = "/usr/sbin"  # where Debian puts nginx; not on the PATH of a user who is not root
INSTALL_S = 1800


class Unavailable(Exception):
    """Something cannot be installed; the message says why and what to do."""


def program(name: str) -> str:
    """The path of `wrk`, `hey` or `nginx`, installed now if it is missing and we are root."""
    path = os.environ.get("PATH", os.defpath) + os.pathsep + SYSTEM_PROGRAMS
    if found := shutil.which(name, path=path):
        return found
    package = DEBIAN[name]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Unavailable(f"{name} is not installed: sudo apt-get install {package}")
    run(["apt-get", "update", "-q"])
    run(["apt-get", "install", "-qy", "--no-install-recommends", package])
    if found := shutil.which(name, path=path):
        return found
    raise Unavailable(f"package {package} has no program {name}")


def python_for(peer: str, cache: Path) -> Path:
    """The interpreter of the environment that holds `peer`, made now if it is not in the cache."""
    requirements = REQUIREMENTS / f"{peer}.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache / f"{peer}-{key}"
    python = folder / "bin" / "python"
    complete = folder / ".complete"
    if not complete.exists():
        venv.create(folder, with_pip=True, clear=True)
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)])
        complete.touch()
    return python


def run(command: list[str]) -> None:
    """Run an installation step. Raises Unavailable with the end of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(command[:4])} took longer than {INSTALL_S} s") from error
    if done.returncode != 0:
        errors = [line for line in (done.stderr or done.stdout).strip().splitlines() if "WARNING" not in line]
        raise Unavailable(f"{' '.join(command[:4])} … failed: {' | '.join(errors[-2:])[:300]}")
