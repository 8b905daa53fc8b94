"""Virtual environments for models that name requirements: one for each distinct set and Python, built once.

A container needs `clipper` beside what the model requires. It is not installed there: a `.pth` file points to a folder
with nothing but a link to the package this server runs, so nothing else of the server's environment can leak in.

An environment is built in its final place, since the paths in byte code and scripts have to be right, and counts only
once its marker file is written. What an earlier, killed controller left without a marker is built again.
"""

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clipper.container.bundle import COMMAND, Manifest
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.management.build import run_build_step
from clipper.management.config import ArtifactConfig
from clipper.management.disk import disk_errors

RUNTIME_REQUIREMENTS = ("cloudpickle", "msgspec", "numpy")
"""What the container itself imports; the model's own requirements choose the versions."""

OLDEST_PYTHON = (3, 11)
"""The oldest that this package runs on."""

OLDEST_COMMAND_PYTHON = (3, 6)
"""The oldest that a container which is not ours may ask for: `containers/python-legacy` runs on it."""

Progress = Callable[[str], None]

_MARKER = "clipper-environment.json"
_PACKAGE = "package"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a container runs with: an interpreter, and whether it is the model's own."""

    python: Path
    isolated: bool


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """An environment that is built.

    Attributes:
        bundles: how many bundles run in it.
    """

    name: str
    python: str
    requirements: tuple[str, ...]
    size_bytes: int
    bundles: int


@dataclass(slots=True)
class _Build:
    task: "asyncio.Task[None]"
    listeners: list[Progress] = field(default_factory=list)


class EnvironmentFolder:
    """`<folder>/<digest>/` for each environment.

    Args:
        folder: where they are; it exists.
        variables: the environment variables for pip (where it finds packages and certificates) and Python.
        config: limits.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str], config: ArtifactConfig) -> None:
        self._folder = folder
        self._variables = {name: value for name, value in variables.items() if name not in _LEAKING}
        self._config = config
        self._builds: dict[str, _Build] = {}
        self.built = 0
        """How many environments were built since the start, for the metrics."""

    async def prepare(self, manifest: Manifest, progress: Progress) -> Environment:
        """The environment that a bundle runs in, built if it is not there yet; concurrent callers share the build.

        Raises:
            ClipperError: MODEL_FAILED with pip's last lines as detail, TIMEOUT, STORE_FULL, or INVALID_ARGUMENT if
                there is no such Python.
        """
        requirements = _requirements_of(manifest)
        if not requirements:
            return Environment(Path(sys.executable), isolated=False)
        _check_python(manifest)
        if not manifest.requirements:
            progress(
                f"The server's environment lacks {', '.join(_missing(manifest))}: making one with what packaged it"
            )
        folder = self._folder / _digest(requirements, manifest.python)
        if not (folder / _MARKER).exists():
            await self._build_once(folder, requirements, manifest.python, progress)
        return Environment(folder / "bin" / "python", isolated=True)

    def name_of(self, manifest: Manifest) -> str | None:
        """The environment that a bundle runs in; None: the server's own."""
        requirements = _requirements_of(manifest)
        return _digest(requirements, manifest.python) if requirements else None

    def infos(self, users: Mapping[str, int]) -> list[EnvironmentInfo]:
        """Those that are built; `users` says how many bundles run in each."""
        found = []
        for marker in sorted(self._folder.glob(f"*/{_MARKER}")):
            described = json.loads(marker.read_bytes())
            name = marker.parent.name
            found.append(
                EnvironmentInfo(
                    name=name,
                    python=described["python"],
                    requirements=tuple(described["requirements"]),
                    size_bytes=sum(each.lstat().st_size for each in marker.parent.rglob("*")),
                    bundles=users.get(name, 0),
                )
            )
        return found

    def delete(self, names: Sequence[str]) -> None:
        """Delete environments; one that is being built stays."""
        for name in names:
            if name not in self._builds:
                (self._folder / name / _MARKER).unlink(missing_ok=True)  # first, so that half of one never counts
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def delete_incomplete(self) -> None:
        """Delete what an earlier controller was building when it was killed."""
        for each in self._folder.iterdir():
            if each.name != _PACKAGE and not (each / _MARKER).exists():
                shutil.rmtree(each, ignore_errors=True)

    async def close(self) -> None:
        """Stop the builds that are under way."""
        tasks = [build.task for build in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _build_once(self, folder: Path, requirements: list[str], version: str, progress: Progress) -> None:
        build = self._builds.get(folder.name)
        if build is None:
            listeners: list[Progress] = []
            build = _Build(asyncio.create_task(self._build(folder, requirements, version, listeners)), listeners)
            self._builds[folder.name] = build
            build.task.add_done_callback(lambda task: self._forget(folder.name, task))
        build.listeners.append(progress)
        try:
            await asyncio.shield(build.task)
        finally:
            build.listeners.remove(progress)

    def _forget(self, name: str, task: "asyncio.Task[None]") -> None:
        del self._builds[name]
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it if all who waited have left

    async def _build(self, folder: Path, requirements: list[str], version: str, listeners: list[Progress]) -> None:
        def progress(line: str) -> None:
            for each in listeners:
                each(line)

        with disk_errors("build the environment"):
            try:
                async with asyncio.timeout(self._config.build_timeout_s):
                    await self._install(folder, requirements, version, progress)
            except TimeoutError:
                raise ClipperError(
                    ErrorCode.TIMEOUT,
                    f"Installing {', '.join(requirements)} took more than {self._config.build_timeout_s:g} s; "
                    "raise management.artifacts.build_timeout_s, or require less",
                ) from None
        self.built += 1

    async def _install(self, folder: Path, requirements: list[str], version: str, progress: Progress) -> None:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        try:
            interpreter = await self._interpreter(version)
            progress(f"Making a virtual environment with Python {version}")
            pip = _own_pip(interpreter, folder)
            options = [] if pip is None else ["--without-pip"]
            await run_build_step([interpreter, "-m", "venv", *options, str(folder)], self._variables, progress)
            (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
            await run_build_step([*(pip or _pip_of(folder)), *_install(folder)], self._variables, progress)
            site_packages = folder / "lib" / f"python{version}" / "site-packages"
            (site_packages / "clipper-runtime.pth").write_text(f"{self._package_folder()}\n")
            (folder / _MARKER).write_text(json.dumps({"python": version, "requirements": requirements}, indent=2))
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise

    async def _interpreter(self, version: str) -> str:
        """The path of a Python of that version, or INVALID_ARGUMENT."""
        if version == _version(sys.version_info[:2]):
            return sys.executable
        for found in self._candidates(version):
            if await self._version_of(found) == version:
                return found
        raise invalid(
            f"The bundle was packaged with Python {version}, and this server finds no python{version}: "
            f"install it, or package the model with Python {_version(sys.version_info[:2])}"
        )

    def _candidates(self, version: str) -> list[str]:
        """Where a Python of that version may be: on PATH, and where pyenv keeps those it has not put there."""
        found = shutil.which(f"python{version}", path=self._variables.get("PATH"))
        home = Path(self._variables.get("HOME", "/"))
        pyenv = Path(self._variables.get("PYENV_ROOT", home / ".pyenv"))
        kept = sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")), reverse=True)
        return [*([] if found is None else [found]), *kept]

    async def _version_of(self, interpreter: str) -> str:
        lines: list[str] = []
        command = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            await run_build_step(command, self._variables, lines.append)
        except ClipperError:
            return ""
        return "".join(lines).strip()

    def _package_folder(self) -> Path:
        """The folder that holds nothing but a link to our package, made anew: the package may have moved."""
        folder = self._folder / _PACKAGE
        folder.mkdir(exist_ok=True)
        link, package = folder / "clipper", Path(__file__).parents[1]
        if not link.is_symlink() or link.readlink() != package:
            link.unlink(missing_ok=True)
            link.symlink_to(package)
        return folder


_LEAKING = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
"""Byte code has to be written, or every start compiles the frameworks again; the others name the server's packages."""


def _own_pip(interpreter: str, folder: Path) -> list[str] | None:
    """The pip of the server's own environment, if it has one and `interpreter` is its Python: saves installing pip."""
    if interpreter != sys.executable or importlib.util.find_spec("pip") is None:
        return None
    return [interpreter, "-m", "pip", "--python", str(folder / "bin" / "python")]


def _pip_of(folder: Path) -> list[str]:
    return [str(folder / "bin" / "python"), "-m", "pip"]


def _install(folder: Path) -> list[str]:
    return [
        *("install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
        *("--requirement", str(folder / "requirements.txt")),
    ]


def _requirements_of(manifest: Manifest) -> list[str]:
    """What has to be installed for a bundle; nothing if it runs in the server's environment.

    Where that lacks a package that the bundle was packaged with, all of them, as they were there: such a set is known
    to fit together.
    """
    needed = set(manifest.requirements)
    if not needed and _missing(manifest):
        needed = {f"{name}=={version}" for name, version in manifest.versions.items()}
    if not needed or manifest.framework == COMMAND:
        return sorted(needed)
    return sorted({*needed, *RUNTIME_REQUIREMENTS, *(["skops"] if manifest.entry.endswith(".skops") else [])})


def _missing(manifest: Manifest) -> list[str]:
    """The packages that it was packaged with and that are not installed here."""
    return [name for name in manifest.versions if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


def _digest(requirements: list[str], version: str) -> str:
    return hashlib.sha256(json.dumps([version, requirements]).encode()).hexdigest()


def _version(pair: tuple[int, ...]) -> str:
    return ".".join(map(str, pair))


def _check_python(manifest: Manifest) -> None:
    """Raises INVALID_ARGUMENT if the bundle asks for a Python that is too old, or none."""
    oldest = OLDEST_COMMAND_PYTHON if manifest.framework == COMMAND else OLDEST_PYTHON
    if manifest.python not in {f"{oldest[0]}.{minor}" for minor in range(oldest[1], 100)}:
        raise invalid(
            f"The bundle was packaged with Python {manifest.python[:20]!r}; expected {_version(oldest)} or newer"
        )
