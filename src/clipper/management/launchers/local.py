"""Containers as processes of this machine, needing no container engine."""

from collections.abc import Mapping
from pathlib import Path

from clipper.management.launchers.launcher import LaunchSpec
from clipper.management.launchers.processes import LocalProcess, start

TOKEN_VARIABLE = "CLIPPER_CONTAINER_TOKEN"  # noqa: S105 - the name of a variable, not a token

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Replicas are the unit of parallelism: with two OpenMP threads each on two cores, tails were ten times as long."""

FAST_COPIES = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824"}
"""glibc copies large blocks with `rep movsb`, which on AMD Zen takes 1.5 to 15 times as long when source and target
happen to lie alike within their pages (measured on batches of 0.4 MB). A value of the operator's own stays."""

_OF_THE_SERVER = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class LocalLauncher:
    """Starts `python -m clipper.container` for each replica.

    Args:
        environment: the variables that containers inherit.
        folder: where they run; what a model writes under relative names lands here.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    async def launch(self, spec: LaunchSpec) -> LocalProcess:
        """Start one; see `Launcher.launch`."""
        command = [str(spec.python), "-P", "-m", "clipper.container", *_arguments(spec)]
        return start(command, self._environment_of(spec), self._folder, spec.log)

    def find(self, pid: int, started_ticks: int) -> LocalProcess | None:
        """The live process of that id and start time; see `Launcher.find`."""
        return LocalProcess.open(pid, started_ticks)

    def _environment_of(self, spec: LaunchSpec) -> dict[str, str]:
        environment = {
            **FAST_COPIES,
            **self._environment,
            **ONE_THREAD,
            "PYTHONUNBUFFERED": "1",
            TOKEN_VARIABLE: spec.token,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start compiles the frameworks again
        if spec.isolated:
            for name in _OF_THE_SERVER:
                environment.pop(name, None)
        return environment


def _arguments(spec: LaunchSpec) -> list[str]:
    return [
        *("--bundle", str(spec.bundle)),
        *("--listen", spec.address),
        *("--model", spec.model),
        *("--version", spec.version),
    ]
