"""Containers as processes of this machine, needing no container engine."""

import os
from collections.abc import Mapping
from pathlib import Path

from clipper.container.commands.program import command_line, container_arguments
from clipper.core.native_libraries import FAST_COPIES, threads_of
from clipper.management.launchers.launcher import LaunchSpec
from clipper.management.launchers.processes import LocalProcess, start

TOKEN_VARIABLE = "CLIPPER_CONTAINER_TOKEN"  # noqa: S105 - the name of a variable, not a token

SILENCE = {"DO_NOT_TRACK": "true"}
"""A model that is served tells nobody of it; MLflow would. A value of the operator's own stays."""

_OF_THE_SERVER = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class LocalLauncher:
    """Starts `python -m clipper.container` for each replica, or the command of its bundle.

    Args:
        environment: the variables that containers inherit.
        folder: where ours run; what a model writes under relative names lands here. Commands run in their bundle.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    async def launch(self, spec: LaunchSpec) -> LocalProcess:
        """Start one; see `Launcher.launch`."""
        environment = self._environment_of(spec)
        arguments = container_arguments(spec.bundle, spec.address, spec.model, spec.version)
        if spec.command:
            program = command_line(spec.command, spec.bundle, environment.get("PATH"))
            return start([*program, *arguments], environment, spec.bundle, spec.log)
        program = [str(spec.python), "-P", "-m", "clipper.container"]
        return start([*program, *arguments], environment, self._folder, spec.log)

    def find(self, pid: int, started_ticks: int) -> LocalProcess | None:
        """The live process of that id and start time; see `Launcher.find`."""
        return LocalProcess.open(pid, started_ticks)

    def _environment_of(self, spec: LaunchSpec) -> dict[str, str]:
        environment = {
            **FAST_COPIES,
            **SILENCE,
            **self._environment,
            **threads_of(spec.threads),
            "PYTHONUNBUFFERED": "1",
            TOKEN_VARIABLE: spec.token,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start compiles the frameworks again
        if spec.isolated:
            for name in _OF_THE_SERVER:
                environment.pop(name, None)
            # So that `python` in a bundle's command is the one of its environment.
            environment["PATH"] = os.pathsep.join([str(spec.python.parent), environment.get("PATH", os.defpath)])
        return environment
