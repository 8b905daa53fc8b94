"""What an operator can do beyond what the registry does alone.

Links and new applications are registry entries only: the admin edge asks the registry itself for them.
"""

import asyncio
from math import ceil
from typing import NamedTuple

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.engine.cells import state_key
from clipper.engine.states import delete_states
from clipper.management.bundles import BundleFolder
from clipper.management.config import SupervisionConfig
from clipper.management.logs import LogFiles
from clipper.management.selection.learning import Learning
from clipper.management.supervision.supervisor import Supervisor
from clipper.registry.entities import Application, Model
from clipper.registry.registry import Registry
from clipper.registry.tuning import ApplicationChange, ModelChange
from clipper.store import Store

MAX_LOG_LINES = 10_000
"""Of one replica in one answer."""


class ReplicaLog(NamedTuple):
    """The end of what one replica has written."""

    model: str
    version: str
    replica_id: int
    text: str


class Operations:
    """Use cases that move processes, files and states as well as registry entries."""

    def __init__(
        self,
        states: Store,
        registry: Registry,
        supervisor: Supervisor,
        bundles: BundleFolder,
        logs: LogFiles,
        config: SupervisionConfig,
    ) -> None:
        self._states = states
        self.learning = Learning(states, registry)
        self._registry = registry
        self._supervisor = supervisor
        self._bundles = bundles
        self._logs = logs
        self._config = config

    async def delete_application(self, name: str) -> None:
        """Remove an application, its links, and what its selection policy has learned.

        Raises:
            ClipperError: NOT_FOUND, or UNAVAILABLE if what it has learned cannot be reached; nothing has changed then.
        """
        await asyncio.to_thread(self._states.get, state_key(name, None))  # else an heir of its name would find them
        await self._registry.delete_application(name)
        await delete_states(self._states, name)

    async def set_application(self, name: str, change: ApplicationChange) -> Application:
        """Change settings of an application; returns it as it is then. A new policy by default has no settings.

        Raises:
            ClipperError: NOT_FOUND, or INVALID_ARGUMENT naming the setting that is wrong; then nothing has changed.
        """
        return await self.learning.set_application(name, change)

    async def set_model_version(self, name: str, version: str) -> None:
        """Make a version current once it can answer; one without replicas is started first.

        Raises:
            ClipperError: NOT_FOUND, or why its replicas do not become ready; then nothing has changed.
        """
        model = self._model(name, version)
        if model.bundle is not None and not self._supervisor.has_ready(name, version):
            await self._warm_up(model)
            await asyncio.sleep(self._config.settle_s)
        await self._registry.set_current_version(name, version)

    async def set_model(self, name: str, version: str | None, change: ModelChange) -> Model:
        """Change settings of a version, by default the current one; returns it as it is then."""
        chosen = self._current(name) if version is None else version
        await self._registry.set_model(name, chosen, change)
        return self._model(name, chosen)

    async def set_num_replicas(self, name: str, version: str | None, replicas: int) -> str:
        """Run so many replicas of a version, by default the current one; returns the version when they are ready.

        Raises:
            ClipperError: INVALID_ARGUMENT for a containerless model; why a replica fails, or TIMEOUT. The number is
                kept then, and the supervisor goes on trying.
        """
        chosen = self._current(name) if version is None else version
        await self._registry.set_replicas(name, chosen, replicas)
        self._supervisor.reconcile()
        await self._supervisor.until_ready((name, chosen), replicas, self._start_limit_s(replicas))
        return chosen

    async def delete_version(self, name: str, version: str) -> None:
        """Remove a version, its processes and its files. Raises CONFLICT for the current one of a linked model."""
        await self._registry.delete_model_version(name, version)
        await self._clean_up(name, [version])

    async def delete_model(self, name: str) -> None:
        """Remove every version of a model. Raises CONFLICT while it is linked."""
        versions = [number for model, number in self._registry.snapshot().models if model == name]
        await self._registry.delete_model(name)
        await self._clean_up(name, versions)

    async def read_logs(self, name: str, version: str | None, replica_id: int | None, lines: int) -> list[ReplicaLog]:
        """The last lines of the replicas of a model, of all versions or of one. Raises NOT_FOUND if there is none."""
        if not 1 <= lines <= MAX_LOG_LINES:
            raise invalid(f"Invalid lines {lines}: expected 1 to {MAX_LOG_LINES}")
        versions = [number for model, number in self._registry.snapshot().models if model == name]
        chosen = versions if version is None else [self._model(name, version).version]
        if not chosen:
            raise _no_model(name)
        return [
            ReplicaLog(name, number, each, await asyncio.to_thread(self._logs.last_lines, name, number, each, lines))
            for number in chosen
            for each in self._logs.replicas_of(name, number)
            if replica_id is None or replica_id == each
        ]

    async def _warm_up(self, model: Model) -> None:
        """Start the replicas of a version, at least one; if they do not become ready, take that back."""
        wanted = max(1, model.replicas)
        await self._registry.set_replicas(model.name, model.version, wanted)
        self._supervisor.reconcile()
        try:
            await self._supervisor.until_ready((model.name, model.version), wanted, self._start_limit_s(wanted))
        except BaseException:
            await self._registry.set_replicas(model.name, model.version, model.replicas)
            self._supervisor.reconcile()
            raise

    async def _clean_up(self, name: str, versions: list[str]) -> None:
        self._supervisor.reconcile()
        for version in versions:
            await self._supervisor.until_gone(name, version)
            self._logs.delete(name, version)
        await self._bundles.delete_unused()

    def _model(self, name: str, version: str) -> Model:
        model = self._registry.snapshot().models.get((name, version))
        if model is None:
            raise ClipperError(ErrorCode.NOT_FOUND, f"No model with name '{name}' and version '{version}' exists.")
        return model

    def _current(self, name: str) -> str:
        version = self._registry.snapshot().current.get(name)
        if version is None:
            raise _no_model(name)
        return version

    def _start_limit_s(self, replicas: int) -> float:
        """From the wish for replicas to the last moment at which they can become ready."""
        config = self._config
        start_s = config.start_timeout_s + config.dial_timeout_s + config.example_timeout_s
        return config.retire_drain_s + config.stop_grace_s + start_s * max(1, ceil(replicas / config.parallel_starts))


def _no_model(name: str) -> ClipperError:
    return ClipperError(ErrorCode.NOT_FOUND, f"No model with name '{name}' exists.")
