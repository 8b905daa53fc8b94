"""The registry on a store: reads what exists, makes changes durable, tells when something changed.

All decisions are in `changes`; here is the I/O. Any number of processes may use one store: a change that another one
overtook is decided anew from what is there by then.
"""

import asyncio
from collections.abc import Callable, Sequence

from clipper.core.errors import ClipperError, ErrorCode
from clipper.registry import changes
from clipper.registry.entities import Application, Model, Replica, Snapshot
from clipper.registry.records import PREFIX, REVISION, read_snapshot, revision_of
from clipper.registry.tuning import ApplicationChange, ModelChange
from clipper.store import Store, Transaction, Watch

MAX_ATTEMPTS = 100
"""Each further one means that another process has made a change meanwhile; only controllers do, and rarely."""


class Registry:
    """What exists. Each operation is durable when it returns, and then every process sees it.

    An operation raises `ClipperError` with what it refuses (see `changes`), STORE_FULL or STORE_FAILED if the store
    does, STORE_BUSY if others kept overtaking it. If it is cancelled, it may or may not have been done.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest = Snapshot()
        self._one_at_a_time = asyncio.Lock()  # changes of one process would only overtake each other

    def snapshot(self) -> Snapshot:
        """What exists now, as of one moment. Cheap: two microseconds while nothing changes."""
        if revision_of(self._store.get(REVISION)) != self._latest.revision:
            self._latest = read_snapshot(self._store.scan(PREFIX))
        return self._latest

    def watch(self) -> Watch:
        """A watch that tells when to take a new snapshot."""
        return self._store.watch(PREFIX)

    async def add_application(self, application: Application) -> None:
        """Add a new application, with the links it names."""
        await self._change(lambda now: changes.add_application(now, application))

    async def set_application(self, name: str, change: ApplicationChange) -> None:
        """Change settings of an application; its next query is treated accordingly."""
        await self._change(lambda now: changes.set_application(now, name, change))

    async def delete_application(self, name: str) -> None:
        """Remove an application and its links; the models stay."""
        await self._change(lambda now: changes.delete_application(now, name))

    async def link_models(self, application: str, models: Sequence[str]) -> None:
        """Link more models to an application, after those it has."""
        await self._change(lambda now: changes.link_models(now, application, models))

    async def unlink_models(self, application: str, models: Sequence[str]) -> None:
        """Remove links of an application; the others keep their order."""
        await self._change(lambda now: changes.unlink_models(now, application, models))

    async def relink_models(self, application: str, models: Sequence[str]) -> None:
        """Replace all links of an application in one step."""
        await self._change(lambda now: changes.relink_models(now, application, models))

    async def add_model(self, model: Model, *, make_current: bool = False) -> None:
        """Add a new version of a model. Unless `make_current`, `set_current_version` is to follow when it is ready."""
        await self._change(lambda now: changes.add_model(now, model, make_current=make_current))

    async def delete_model_version(self, name: str, version: str) -> None:
        """Remove one version; refused for the current one of a linked model. Its replicas are to be stopped."""
        await self._change(lambda now: changes.delete_model_version(now, name, version))

    async def delete_model(self, name: str) -> None:
        """Remove every version of a model; refused while it is linked. Its replicas are to be stopped."""
        await self._change(lambda now: changes.delete_model(now, name))

    async def set_current_version(self, name: str, version: str) -> None:
        """Make a registered version the one that answers queries."""
        await self._change(lambda now: changes.set_current_version(now, name, version))

    async def set_model(self, name: str, version: str, change: ModelChange) -> None:
        """Change settings of a version; its next batch is made accordingly."""
        await self._change(lambda now: changes.set_model(now, name, version, change))

    async def set_replicas(self, name: str, version: str, replicas: int) -> None:
        """Say how many replicas of a version should run; refused for one without a bundle."""
        await self._change(lambda now: changes.set_replicas(now, name, version, replicas))

    async def put_replica(self, replica: Replica) -> None:
        """Record a replica as it is now; a new one takes its id from `Snapshot.next_replica_id`."""
        await self._change(lambda now: changes.put_replica(now, replica))

    async def delete_replica(self, name: str, version: str, replica_id: int) -> None:
        """Forget a replica that has ended; one that is not recorded is no error."""
        await self._change(lambda now: changes.delete_replica(now, name, version, replica_id))

    async def _change(self, decide: Callable[[Snapshot], Transaction]) -> None:
        async with self._one_at_a_time:
            for _ in range(MAX_ATTEMPTS):
                if await asyncio.wrap_future(self._store.commit(decide(self.snapshot()))):
                    return
        raise ClipperError(
            ErrorCode.STORE_BUSY, f"The registry was changed by others {MAX_ATTEMPTS} times in a row: retry later"
        )
