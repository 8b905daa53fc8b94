"""A deployment: from a bundle's bytes to the current version of a model, or to nothing at all.

The new version is tried before anybody else hears of it: one replica starts and answers the example. Only then is the
version registered, and made current a moment later, when the frontends have connected to that replica.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import InputType
from clipper.management.bundles import Bundle, BundleFolder
from clipper.management.config import SupervisionConfig
from clipper.management.disk import disk_errors
from clipper.management.environments import EnvironmentFolder
from clipper.management.supervision.plan import VersionKey
from clipper.management.supervision.replica import SupervisedReplica
from clipper.management.supervision.supervisor import Supervisor
from clipper.registry import changes
from clipper.registry.entities import ADAPTIVE_BATCH_SIZE, Model
from clipper.registry.registry import Registry

Report = Callable[[str, str], None]
"""Told of the stage (unpack, environment, start, ready, switch) and of a line for people."""

_TO_COME = "to come"
"""Stands for the digest of a bundle that has not been received."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What an operator asks for: what `Model` says, and an application to link it to if it is not yet."""

    model_name: str
    model_version: str
    replicas: int = 1
    batch_size: int = ADAPTIVE_BATCH_SIZE
    labels: tuple[str, ...] = ()
    app_name: str | None = None
    batching: str = ""
    batch_delay_ms: float = 0.0


class Deployments:
    """Runs deployments, several at a time, but one for each model version.

    Args:
        registry: where a version appears once it has proved itself.
        supervisor: tries it and keeps it running.
        bundles: where its files go.
        environments: where its requirements are installed.
        journal: a folder with a file for each version that is registered but not yet current, so that the next
            controller can take it back if this one is killed at that moment.
        config: how long to wait for what.
    """

    def __init__(
        self,
        registry: Registry,
        supervisor: Supervisor,
        bundles: BundleFolder,
        environments: EnvironmentFolder,
        journal: Path,
        config: SupervisionConfig,
    ) -> None:
        self._registry = registry
        self._supervisor = supervisor
        self._bundles = bundles
        self._environments = environments
        self._journal = journal
        self._config = config
        self._under_way: dict[VersionKey, asyncio.Task[object] | None] = {}
        self.succeeded = 0
        self.failed = 0

    async def deploy(self, deployment: Deployment, upload: AsyncIterator[bytes], report: Report) -> None:
        """Take in a bundle and make it the current version of its model, without a query noticing.

        Raises:
            ClipperError: ALREADY_EXISTS, CONFLICT, INVALID_ARGUMENT or TOO_LARGE for the request or the bundle,
                MODEL_FAILED (with the traceback as detail) or TIMEOUT if it does not come to answer its example.
        """
        self.check(deployment)
        with self._claimed((deployment.model_name, deployment.model_version)):
            report("unpack", "Receiving the bundle")
            async with self._bundles.receive(upload) as bundle:
                model = self._model_of(deployment, bundle)
                await self._environments.prepare(bundle.manifest, lambda line: report("environment", line))
                report("start", f"Starting a replica of {model.name}:{model.version}")
                async with self._supervisor.trial(model) as replica:
                    await self._prove(model)
                    report("ready", "It answers its example" if bundle.manifest.example is not None else "It answers")
                    await self._introduce(model, replica, deployment.app_name, report)
            await self._await_the_others(model, report)

    def check(self, deployment: Deployment) -> None:
        """Refuse what can be refused before the bundle is there. Raises ClipperError."""
        snapshot = self._registry.snapshot()
        changes.add_model(snapshot, _described(deployment, self._input_type_of(deployment), _TO_COME))
        if deployment.replicas < 1:
            raise invalid(f"Invalid replicas {deployment.replicas}: expected at least 1 to answer the example")
        if deployment.app_name is not None and deployment.app_name not in snapshot.applications:
            raise ClipperError(ErrorCode.NOT_FOUND, f"No application with name '{deployment.app_name}' exists.")

    async def take_back_unfinished(self) -> None:
        """Remove the versions that a killed controller had registered and not yet made current."""
        for note in self._journal.iterdir():
            name, _, version = note.name.partition(".")
            snapshot = self._registry.snapshot()
            try:
                if (name, version) in snapshot.models and snapshot.current.get(name) != version:
                    await self._registry.delete_model_version(name, version)
                note.unlink()
            except ClipperError as error:
                _log.error("The unfinished deployment of %s:%s stays: %s", name, version, error.message)

    async def close(self) -> None:
        """Give up what is under way; each deployment cleans up after itself."""
        tasks = [task for task in self._under_way.values() if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @contextmanager
    def _claimed(self, version: VersionKey) -> Iterator[None]:
        if version in self._under_way:
            raise ClipperError(
                ErrorCode.CONFLICT, f"model '{version[0]}' with version '{version[1]}' is being deployed already"
            )
        self._under_way[version] = asyncio.current_task()
        try:
            yield
        except BaseException:
            self.failed += 1
            raise
        else:
            self.succeeded += 1
        finally:
            del self._under_way[version]

    def _input_type_of(self, deployment: Deployment) -> InputType:
        """What the version's input type will have to be, as far as links say; else any."""
        linking = [
            each for each in self._registry.snapshot().applications.values() if deployment.model_name in each.models
        ]
        return linking[0].input_type if linking else InputType.DOUBLES

    def _model_of(self, deployment: Deployment, bundle: Bundle) -> Model:
        """The version to be. Raises ClipperError if the registry would refuse it, or its link."""
        model = _described(deployment, bundle.manifest.input_type, bundle.digest)
        snapshot = self._registry.snapshot()
        changes.add_model(snapshot, model)
        application = None if deployment.app_name is None else snapshot.applications.get(deployment.app_name)
        if application is not None and application.input_type is not model.input_type:
            raise ClipperError(
                ErrorCode.CONFLICT,
                f"Model '{model.name}' version '{model.version}' has input type '{model.input_type}' but application "
                f"'{application.name}' has '{application.input_type}': package it with that input type",
            )
        return model

    async def _prove(self, model: Model) -> None:
        """Wait for the replica on trial, until the end of its time or of its first attempt."""
        limit_s = self._config.start_timeout_s + self._config.dial_timeout_s + self._config.example_timeout_s
        await self._supervisor.until_ready((model.name, model.version), 1, limit_s)

    async def _introduce(self, model: Model, replica: SupervisedReplica, app_name: str | None, report: Report) -> None:
        """Register the version, let the frontends connect, make it current; or leave no trace of it."""
        note = self._journal / f"{model.name}.{model.version}"
        with disk_errors("start the deployment"):
            note.touch()
        before = self._registry.snapshot().current.get(model.name)
        try:
            await self._registry.add_model(model)
            await replica.register()
            report("switch", f"Making {model.version} the current version of {model.name}")
            await asyncio.sleep(self._config.settle_s)
            if not replica.ready:
                raise replica.failure or ClipperError(ErrorCode.UNAVAILABLE, f"{model.name}:{model.version} has gone")
            await self._registry.set_current_version(model.name, model.version)
            await self._link(model.name, app_name)
        except BaseException:
            await asyncio.shield(self._withdraw(model, before))
            raise
        finally:
            note.unlink(missing_ok=True)

    async def _link(self, model: str, app_name: str | None) -> None:
        application = None if app_name is None else self._registry.snapshot().applications.get(app_name)
        if app_name is not None and (application is None or model not in application.models):
            await self._registry.link_models(app_name, [model])

    async def _withdraw(self, model: Model, before: str | None) -> None:
        with suppress(ClipperError):  # it was deleted meanwhile, or never arrived
            if before is not None and self._registry.snapshot().current.get(model.name) == model.version:
                await self._registry.set_current_version(model.name, before)
            await self._registry.delete_model_version(model.name, model.version)

    async def _await_the_others(self, model: Model, report: Report) -> None:
        """Wait for the replicas after the first; that they are late does not undo the deployment."""
        try:
            await self._supervisor.until_ready(
                (model.name, model.version), model.replicas, self._config.start_timeout_s
            )
        except ClipperError as error:
            _log.warning("%s", error.message)
            report("start", f"It is current, but not all of its {model.replicas} replicas are ready: {error.message}")


def _described(deployment: Deployment, input_type: InputType, bundle: str) -> Model:
    return Model(
        name=deployment.model_name,
        version=deployment.model_version,
        input_type=input_type,
        labels=deployment.labels,
        batch_size=deployment.batch_size,
        batching=deployment.batching,
        batch_delay_ms=deployment.batch_delay_ms,
        bundle=bundle,
        replicas=deployment.replicas,
    )
