"""One replica's life: start, answer the example, serve, die, wait, start again, until it is retired.

The record in the registry follows; it names process, address and token, so that a later controller can take over.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.json_inputs import input_from_json
from clipper.management.bundles import BundleFolder
from clipper.management.config import SOCKET_NAME_BYTES, SupervisionConfig
from clipper.management.disk import disk_errors
from clipper.management.environments import EnvironmentFolder
from clipper.management.launchers import Launcher, LaunchSpec, RunningProcess
from clipper.management.logs import LogFiles
from clipper.management.supervision.backoff import Backoff
from clipper.management.supervision.link import ContainerLink
from clipper.management.supervision.readiness import Ended, connect, require_answer, until_end
from clipper.registry.entities import Model, Replica, ReplicaState
from clipper.wire.handshake import TOKEN_LENGTH

SAVE_RETRY_S = 1.0
"""Between two attempts to save a record while the store refuses; a full disk is not freed faster."""

_MAX_QUOTED = 300
_HINTS = {"signal SIGKILL": " (somebody's, or the system's for want of memory)"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What replicas are made with.

    Attributes:
        starts: lets so many replicas load at once.
        sockets: the folder for their addresses.
        save: writes a record to the registry; raises ClipperError, NOT_FOUND if the model version is gone.
        changed: told whenever a record has changed.
        clock: seconds, monotonic.
    """

    launcher: Launcher
    bundles: BundleFolder
    environments: EnvironmentFolder
    logs: LogFiles
    config: SupervisionConfig
    starts: asyncio.Semaphore
    sockets: Path
    save: Callable[[Replica], Awaitable[None]]
    changed: Callable[[], None]
    clock: Callable[[], float]


@dataclass(slots=True)
class _Run:
    """One process of the replica: our link to it, where its log began, and since when it has been ready."""

    process: RunningProcess
    link: ContainerLink
    log: Path
    log_start: int
    ready_at: float | None = None


class SupervisedReplica:
    """Keeps one replica running. `start` begins; `retire` or `stop` ends it.

    Attributes:
        record: the replica as it is now.
        failure: why it last ended by itself; MODEL_FAILED with the end of its log as detail, mostly.
        failures: how often it has, under this controller.
    """

    def __init__(self, record: Replica, model: Model, workshop: Workshop, *, registered: bool) -> None:
        self.record = record
        self.failure: ClipperError | None = None
        self.failures = 0
        self._model = model
        self._workshop = workshop
        self._registered = registered
        self._connected = False
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether its process answers, and we are connected to it."""
        return self._connected and self.record.state is ReplicaState.READY

    def start(self) -> None:
        """Begin, with the process that the record names if that still lives."""
        self._task = asyncio.create_task(self._live(), name=f"replica {self._name}")

    async def register(self) -> None:
        """The model version is in the registry now: keep the record there from here on."""
        self._registered = True
        await self._workshop.save(self.record)
        if self._task is not None and self._task.done():  # it died since it proved itself
            self.start()

    async def retire(self) -> None:
        """End for good: tell the frontends, give them time to turn away, stop the process."""
        if self.record.state is ReplicaState.READY:
            with suppress(TimeoutError):  # a store that refuses must not keep the process running
                await asyncio.wait_for(self._become(state=ReplicaState.STOPPING), SAVE_RETRY_S)
            await asyncio.sleep(self._workshop.config.retire_drain_s)
        await self._cancel()

    async def stop(self) -> None:
        """Stop the process; the record stays, for the next controller to start it again."""
        await self._cancel()
        if self._registered:
            gone = msgspec.structs.replace(self.record, state=ReplicaState.STARTING, pid=0, started_ticks=0)
            await self._workshop.save(gone)

    async def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _live(self) -> None:
        backoff = Backoff(self._workshop.config)
        run = await self._adopt()
        while True:
            failure, ready_for_s = await self._serve(run)
            run = None
            self.failure = failure
            self.failures += 1
            delay_s = backoff.delay_s(ready_for_s)
            _log.warning("%s", failure.message)
            await self._become(
                state=ReplicaState.BACKOFF if delay_s else ReplicaState.STARTING,
                pid=0,
                started_ticks=0,
                restarts=self.record.restarts + 1,
                error=f"{failure.message}\n{failure.detail}".strip(),
            )
            if not self._registered:
                return  # on trial: one attempt
            await asyncio.sleep(delay_s)

    async def _adopt(self) -> _Run | None:
        """The process that an earlier controller started for this replica, if it still lives."""
        record = self.record
        process = self._workshop.launcher.find(record.pid, record.started_ticks) if record.pid else None
        if process is None:
            _unlink(record.address)
            if record.state is ReplicaState.READY:
                await self._become(state=ReplicaState.STARTING, pid=0, started_ticks=0)
            return None
        log = self._workshop.logs.path(record.model, record.version, record.replica_id)
        return _Run(process, ContainerLink(record), log, self._workshop.logs.size(log))

    async def _serve(self, run: _Run | None) -> tuple[ClipperError, float]:
        """One process, from its start or adoption to its end; why it ended, and how long it had been ready."""
        try:
            try:
                if run is None:
                    async with self._workshop.starts:
                        run = await self._launch()
                        await self._bring_up(run)
                else:
                    await self._bring_up(run)
                await until_end(run.process, run.link, self._workshop.config)
            finally:
                self._connected = False
                if run is not None:
                    await self._clear(run)
        except Ended as ended:
            failure = self._death(run, ErrorCode.MODEL_FAILED, f"ended with {ended}{_HINTS.get(str(ended), '')}")
        except ClipperError as error:
            failure = error if error.detail else self._death(run, error.code, error.message)
        except Exception as error:
            _log.exception("%s: supervising it failed", self._name)
            failure = self._death(run, ErrorCode.INTERNAL, f"could not be supervised: {error}")
        ready_at = None if run is None else run.ready_at
        return failure, 0.0 if ready_at is None else self._workshop.clock() - ready_at

    async def _launch(self) -> _Run:
        """Start a process, at an address and with a token of its own: nobody can take it for an earlier one."""
        shop, record = self._workshop, self.record
        bundle = shop.bundles.open(self._model.bundle or "")
        environment = await shop.environments.prepare(bundle.manifest, _log.debug)
        with disk_errors("write the container's log"):
            log = shop.logs.path(record.model, record.version, record.replica_id)
            shop.logs.cut_if_large(log)
        spec = LaunchSpec(
            model=record.model,
            version=record.version,
            replica_id=record.replica_id,
            bundle=bundle.folder,
            python=environment.python,
            isolated=environment.isolated,
            threads=bundle.manifest.threads,
            address=f"unix:{shop.sockets / secrets.token_hex(SOCKET_NAME_BYTES // 2)}",
            token=secrets.token_hex(TOKEN_LENGTH // 2),
            log=log,
            command=bundle.manifest.command,
        )
        log_start = shop.logs.size(log)
        process = await shop.launcher.launch(spec)
        started = msgspec.structs.replace(
            record,
            state=ReplicaState.STARTING,
            address=spec.address,
            token=spec.token,
            pid=process.pid,
            started_ticks=process.started_ticks,
        )
        run = _Run(process, ContainerLink(started), log, log_start)
        try:
            await self._save(started)
        except BaseException:
            await self._clear(run)
            raise
        return run

    async def _bring_up(self, run: _Run) -> None:
        """Connect to a process and see it answer; it yields to what serves until it has. Raises Ended, ClipperError."""
        config = self._workshop.config
        adopted = self.record.state is ReplicaState.READY
        if not adopted:
            await run.process.set_background(True)
            await asyncio.to_thread(self._workshop.bundles.verify, self._model.bundle or "")  # while it loads
        within_s = config.dial_timeout_s if adopted else config.start_timeout_s
        await connect(run.process, run.link, config, within_s)
        if not adopted:
            await self._require_example(run)
            await run.process.set_background(False)
            await self._become(state=ReplicaState.READY)
        run.ready_at = self._workshop.clock()
        self._connected = True
        self._workshop.changed()

    async def _require_example(self, run: _Run) -> None:
        manifest = self._workshop.bundles.open(self._model.bundle or "").manifest
        if manifest.example is not None:
            example = input_from_json(manifest.example, manifest.input_type, "example")
            await require_answer(run.process, run.link, example, self._workshop.config.example_timeout_s)

    async def _clear(self, run: _Run) -> None:
        run.link.close()
        await run.process.stop(self._workshop.config.stop_grace_s)
        _unlink(run.link.address)

    async def _become(self, **changes: Any) -> None:
        await self._save(msgspec.structs.replace(self.record, **changes))

    async def _save(self, record: Replica) -> None:
        """Make this the record, here and in the registry; while the store refuses, try again."""
        while self._registered:
            try:
                await self._workshop.save(record)
                break
            except ClipperError as error:
                if error.code is ErrorCode.NOT_FOUND:
                    break  # the model version is being deleted; the supervisor is about to retire this replica
                _log.error("%s: its record cannot be saved, trying again: %s", self._name, error.message)
                await asyncio.sleep(SAVE_RETRY_S)
        self.record = record
        self._workshop.changed()

    def _death(self, run: _Run | None, code: ErrorCode, how: str) -> ClipperError:
        """Why the replica ended, with what its process wrote before it did."""
        output = "" if run is None else self._workshop.logs.error_of(run.log, run.log_start)
        lines = [] if how.startswith("ended with signal") else output.strip().splitlines()  # those tell of before
        message = f"{self._name}: {how}" + (f": {lines[-1].strip()[:_MAX_QUOTED]}" if lines else "")
        return ClipperError(code, message, output)

    @property
    def _name(self) -> str:
        return f"Replica {self.record.replica_id} of {self.record.model}:{self.record.version}"


def _unlink(address: str) -> None:
    if address:
        with suppress(OSError):
            Path(address.removeprefix("unix:")).unlink()
