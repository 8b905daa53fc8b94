"""All replicas of this machine: brought to what the registry wants, and waited for.

The registry says how many replicas of each version should run; one `SupervisedReplica` keeps each of them running.
A version on trial is not in the registry yet: its one replica joins the others once the trial is passed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeAlias

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.supervision.bell import Bell
from clipper.management.supervision.plan import Running, VersionKey, plan
from clipper.management.supervision.replica import SAVE_RETRY_S, SupervisedReplica, Workshop
from clipper.registry.entities import Model, Replica, ReplicaState
from clipper.registry.registry import Registry

ReplicaKey: TypeAlias = tuple[str, str, int]
"""A model's name and version, and a replica's id."""

END_MARGIN_S = 3.0
"""For a process to be gone after SIGKILL, and for its record to be saved and deleted, on a slow disk."""

_log = logging.getLogger(__name__)


class Shortage(NamedTuple):
    """A model version with fewer ready replicas than wanted, and why the last one failed, if any did."""

    model: str
    version: str
    wanted: int
    ready: int
    error: str


class Supervisor:
    """Runs what the registry wants. `start` takes over what an earlier controller left, `stop` ends everything.

    Args:
        registry: what is wanted, and where the replicas' records are kept.
        workshop: what replicas are made with; it rings `bell` when a replica changes.
        bell: rung when a replica changes or is gone.
    """

    def __init__(self, registry: Registry, workshop: Workshop, bell: Bell) -> None:
        self._registry = registry
        self._workshop = workshop
        self._bell = bell
        self._replicas: dict[ReplicaKey, SupervisedReplica] = {}
        self._leaving: dict[ReplicaKey, asyncio.Task[None]] = {}
        self._trials: set[VersionKey] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Adopt the containers that live, clear what is left of those that do not, start what is missing."""
        snapshot = self._registry.snapshot()
        self._clear_sockets({record.address for record in snapshot.replicas.values()})
        for record in snapshot.replicas.values():
            model = snapshot.models.get((record.model, record.version))
            if model is None:
                self._end_orphan(record)
            else:
                self._add(record, model, registered=True)
        self.reconcile()
        self._sweeper = asyncio.create_task(self._sweep(), name="supervisor sweep")

    async def stop(self) -> None:
        """Stop every container; the records stay, so that the next controller starts them again."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        stopping = [asyncio.create_task(each.stop()) for each in self._replicas.values()]
        self._replicas.clear()
        for outcome in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("A replica's last state could not be saved: %s", outcome)
        for task in await self._unfinished(list(self._leaving.values())):
            task.cancel()
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)

    def reconcile(self) -> None:
        """Start and retire replicas so that what runs will be what the registry wants; returns at once."""
        snapshot = self._registry.snapshot()
        wanted = {version: model.replicas for version, model in snapshot.models.items() if model.bundle is not None}
        running = [
            Running((name, number), replica_id, each.ready)
            for (name, number, replica_id), each in self._replicas.items()
            if (name, number) not in self._trials
        ]
        for version in self._trials:
            wanted.pop(version, None)
        todo = plan(wanted, running)
        for version, replica_id in todo.retire:
            key = (*version, replica_id)
            self._let_go(key, self._retire(key, self._replicas.pop(key)))
        for version, missing in todo.start.items():
            for _ in range(missing):
                self._add(self._new_record(version), snapshot.models[version], registered=True)

    @asynccontextmanager
    async def trial(self, model: Model) -> AsyncIterator[SupervisedReplica]:
        """One replica of a version that is not registered; it stays if the version is registered by the end."""
        version = (model.name, model.version)
        self._trials.add(version)
        try:
            yield self._add(self._new_record(version), model, registered=False)
        finally:
            self._trials.discard(version)
            self.reconcile()
            if version not in self._registry.snapshot().models:
                await self.until_gone(*version)
                self._workshop.logs.delete(*version)

    async def until_ready(self, version: VersionKey, count: int, timeout_s: float) -> None:
        """Wait until exactly `count` replicas of a version are ready and all others gone.

        Raises:
            ClipperError: why a replica failed, as soon as one does; TIMEOUT with how far it came.
        """
        failures_before = {each: each.failures for each in self._of(version)}
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_settled(version, count):
                    self._raise_new_failure(version, failures_before)
                    await self._bell.heard()
        except TimeoutError:
            ready = sum(each.ready for each in self._of(version))
            raise ClipperError(
                ErrorCode.TIMEOUT,
                f"{ready} of {count} replicas of {version[0]}:{version[1]} are ready after {timeout_s:g} s; "
                "the others are still being started: see their logs",
            ) from None

    async def until_gone(self, name: str, version: str) -> None:
        """Wait until the processes of a version that are being stopped are gone, which takes a bounded time."""
        await self._unfinished([task for key, task in self._leaving.items() if key[:2] == (name, version)])

    async def _unfinished(self, leaving: list["asyncio.Task[None]"]) -> set["asyncio.Task[None]"]:
        """Wait for replicas that are being retired; return those that only wait for the store to forget them."""
        if not leaving:
            return set()
        config = self._workshop.config
        _, unfinished = await asyncio.wait(leaving, timeout=config.retire_drain_s + config.stop_grace_s + END_MARGIN_S)
        return unfinished

    def replicas(self) -> list[Replica]:
        """The records of all replicas, those on trial included."""
        return [each.record for each in self._replicas.values()]

    def has_ready(self, name: str, version: str) -> bool:
        """Whether any replica of a version answers."""
        return any(each.ready for each in self._of((name, version)))

    def shortages(self) -> list[Shortage]:
        """Which versions have fewer ready replicas than the registry wants."""
        found = []
        for version, model in self._registry.snapshot().models.items():
            replicas = self._of(version)
            ready = sum(each.ready for each in replicas)
            if model.bundle is not None and ready < model.replicas:
                errors = [each.failure.message for each in replicas if each.failure is not None and not each.ready]
                found.append(Shortage(model.name, model.version, model.replicas, ready, errors[0] if errors else ""))
        return found

    def _of(self, version: VersionKey) -> list[SupervisedReplica]:
        return [each for (name, number, _), each in self._replicas.items() if (name, number) == version]

    def _raise_new_failure(self, version: VersionKey, failures_before: dict[SupervisedReplica, int]) -> None:
        for each in self._of(version):
            if each.failure is not None and each.failures > failures_before.get(each, 0):
                raise each.failure

    def _is_settled(self, version: VersionKey, count: int) -> bool:
        replicas = self._of(version)
        leaving = any((name, number) == version for name, number, _ in self._leaving)
        return len(replicas) == count and all(each.ready for each in replicas) and not leaving

    def _new_record(self, version: VersionKey) -> Replica:
        taken = [
            replica_id for name, number, replica_id in (*self._replicas, *self._leaving) if (name, number) == version
        ]
        replica_id = max([self._registry.snapshot().next_replica_id(*version), *(each + 1 for each in taken)])
        return Replica(
            model=version[0],
            version=version[1],
            replica_id=replica_id,
            state=ReplicaState.STARTING,
            address="",
            token="",
        )

    def _add(self, record: Replica, model: Model, *, registered: bool) -> SupervisedReplica:
        replica = SupervisedReplica(record, model, self._workshop, registered=registered)
        self._replicas[record.model, record.version, record.replica_id] = replica
        replica.start()
        return replica

    def _let_go(self, key: ReplicaKey, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(ending, name=f"retire {key}")
        self._leaving[key] = task
        task.add_done_callback(lambda _: self._gone(key))

    def _gone(self, key: ReplicaKey) -> None:
        del self._leaving[key]
        self._bell.ring()

    async def _retire(self, key: ReplicaKey, replica: SupervisedReplica) -> None:
        await replica.retire()
        await self._forget(key)

    def _end_orphan(self, record: Replica) -> None:
        """End the container of a version that was deleted while no controller ran to stop it."""
        key = (record.model, record.version, record.replica_id)

        async def end() -> None:
            process = self._workshop.launcher.find(record.pid, record.started_ticks) if record.pid else None
            if process is not None:
                await process.stop(self._workshop.config.stop_grace_s)
            await self._forget(key)

        self._let_go(key, end())

    async def _forget(self, key: ReplicaKey) -> None:
        """Delete a replica's record; while the store refuses, try again."""
        while True:
            try:
                await self._registry.delete_replica(*key)
                return
            except ClipperError as error:
                _log.error("The record of replica %s cannot be deleted, trying again: %s", key, error.message)
                await asyncio.sleep(SAVE_RETRY_S)

    def _clear_sockets(self, in_use: set[str]) -> None:
        for each in self._workshop.sockets.iterdir():
            if f"unix:{each}" not in in_use:
                with suppress(OSError):
                    each.unlink()

    async def _sweep(self) -> None:
        """Follow changes of the registry that nobody told us of, and keep logs small."""
        watch = self._registry.watch()
        while True:
            await asyncio.sleep(self._workshop.config.sweep_s)
            try:
                if watch.changed():
                    self.reconcile()
                await asyncio.to_thread(self._workshop.logs.cut_large)
            except (ClipperError, OSError) as error:
                _log.error("Could not look after the replicas, trying again: %s", error)
