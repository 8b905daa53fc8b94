"""Keeps what this frontend serves true to the registry: applications, model versions, replicas."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from clipper.abstraction.batching.delay import AUTO_S
from clipper.abstraction.cache import PredictionCache
from clipper.abstraction.layer import ModelLayer, ModelLayerConfig
from clipper.abstraction.model import ServedModel
from clipper.core.clock import Clock
from clipper.core.errors import ClipperError
from clipper.engine.application import ApplicationMeasures, ServedApplication, Shared
from clipper.engine.cells import STATES_PREFIX
from clipper.engine.deadlines import Deadlines
from clipper.engine.evidence import Evidence
from clipper.engine.journal import Journal, JournalConfig
from clipper.engine.query import PendingQuery
from clipper.engine.states import States
from clipper.registry.entities import AUTO_BATCH_DELAY_MS, Application, Model, ReplicaState, Snapshot
from clipper.registry.registry import Registry
from clipper.registry.tuning import batching_of
from clipper.selection.policies import policy_named
from clipper.store import Store

_log = logging.getLogger(__name__)

HOUSEKEEPING_S = 0.1
"""How often an idle frontend looks for changes; a busy one looks at every read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Settings of one query frontend's inside."""

    models: ModelLayerConfig = field(default_factory=ModelLayerConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)


class Engine:
    """Everything one query frontend serves. `start()` and `stop()` bound its life; it needs a running loop.

    `states_store` keeps what is learned; by default the registry's store does.
    """

    def __init__(
        self,
        store: Store,
        config: EngineConfig,
        incarnation: int,
        peer: str,
        clock: Clock,
        states_store: Store | None = None,
    ) -> None:
        self.applications: dict[str, ServedApplication] = {}
        self.models: dict[tuple[str, str], ServedModel] = {}
        self.measures: dict[str, ApplicationMeasures] = {}
        self.cache = PredictionCache(config.models.cache)
        self._layer = ModelLayer(config.models, self.cache, peer, clock)
        self.journal = Journal(config.journal, incarnation)
        self.deadlines = Deadlines(_expire, clock)
        self.revision = -1
        self._states_store = store if states_store is None else states_store
        self._registry = Registry(store)
        self.registry_changed = self._registry.watch().changed
        self._states_watch = self._states_store.watch(STATES_PREFIX)
        self._clock = clock
        self._shared = Shared(self.models, self.deadlines, Random())  # noqa: S311 - explores, guards nothing
        self._loop = asyncio.get_running_loop()
        self._stopping: set[asyncio.Task[None]] = set()
        self._stale = False
        self._housekeeping: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Serve what the registry holds, and follow it from then on."""
        self._apply(self._registry.snapshot())
        self._keep_house()

    async def stop(self) -> None:
        """Keep what was learned, close every link. Queries should have been drained before."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self.deadlines.stop()
        for application in self.applications.values():
            self._in_background(application.states.stop())
        for model in self.models.values():
            self._in_background(model.stop())
        await asyncio.gather(*self._stopping)

    def refresh(self) -> None:
        """Follow the registry; to be called when `registry_changed()` says so.

        Who asks that before each query serves what an operator was told is done, from the very next query on.
        """
        try:
            snapshot = self._registry.snapshot()
        except ClipperError as error:
            self._stale = True  # what is served goes on; housekeeping tries again
            _log.warning("The registry cannot be read, serving what it was before: %s", error.message)
        else:
            self._stale = False
            self._apply(snapshot)

    def _keep_house(self) -> None:
        self._housekeeping = self._loop.call_later(HOUSEKEEPING_S, self._keep_house)
        if self.registry_changed() or self._stale:
            self.refresh()
        if self._states_watch.changed():
            for application in self.applications.values():
                application.states.refresh()
        now = self._clock()
        for model in self.models.values():
            if model.queue_length:
                model.drop_expired(now)

    def _apply(self, snapshot: Snapshot) -> None:
        if snapshot.revision == self.revision:
            return
        self.revision = snapshot.revision
        self._apply_models(snapshot)
        current = {
            name: self.models[name, version]
            for name, version in snapshot.current.items()
            if (name, version) in self.models
        }
        for name in self.applications.keys() - snapshot.applications.keys():
            self._in_background(self.applications.pop(name).states.stop())
            self.measures[name].evidence = Evidence()  # one of the same name is another
        for name, spec in snapshot.applications.items():
            try:
                self.applications[name] = self._serve_application(spec, current)
            except ClipperError as error:  # such as a policy that a newer Clipper had: the others must be served
                self.applications.pop(name, None)
                _log.warning("Application %s cannot be served: %s", name, error.message)
        self._apply_objectives(snapshot)

    def _apply_models(self, snapshot: Snapshot) -> None:
        for key in self.models.keys() - snapshot.models.keys():
            self._in_background(self.models.pop(key).stop())
        for key, spec in snapshot.models.items():
            model = self.models.get(key)
            if model is None:
                model = self.models[key] = ServedModel(spec.name, spec.version, spec.batch_size, self._layer)
            self._apply_replicas(model, spec, snapshot)

    def _apply_replicas(self, model: ServedModel, spec: Model, snapshot: Snapshot) -> None:
        known = snapshot.replicas_of(spec.name, spec.version)
        ready = {each.replica_id: each for each in known if each.state is ReplicaState.READY}
        model.can_answer = spec.replicas > 0 or bool(ready)
        for replica_id, replica in list(model.replicas.items()):
            record = ready.get(replica_id)
            if record is None or replica.endpoint != (record.address, record.token):
                self._in_background(model.remove_replica(replica_id))
        for replica_id in ready.keys() - model.replicas.keys():
            model.add_replica(replica_id, ready[replica_id].address, ready[replica_id].token)

    def _apply_objectives(self, snapshot: Snapshot) -> None:
        for (name, version), model in self.models.items():
            version_spec = snapshot.models[name, version]
            model.set_batching(batching_of(version_spec, snapshot), version_spec.batch_size, _delay_s(version_spec))
            objectives = [
                spec.latency_slo_micros * 1e-6 for spec in snapshot.applications.values() if name in spec.models
            ]
            if objectives:
                model.set_objective(min(objectives))
            allowed = [
                spec.max_disagreement
                for spec in snapshot.applications.values()
                if name in spec.models and spec.cache and spec.max_disagreement > 0.0
            ]
            model.set_max_disagreement(min(allowed, default=0.0))

    def _serve_application(self, spec: Application, current: dict[str, ServedModel]) -> ServedApplication:
        before = self.applications.get(spec.name)
        states = before.states if before is not None and _learner(before.spec) == _learner(spec) else None
        if states is None:
            policy = policy_named(spec.policy, spec.policy_config)
            states = States(spec.learning, policy.init(spec.models), policy, self._states_store)
            states.current(None)  # where the store is far, it is on its way before the first query asks for it
            if before is not None:
                self._in_background(before.states.stop())
        measures = self.measures.setdefault(spec.name, ApplicationMeasures())
        return ServedApplication(spec, current, states, measures, self._shared)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)


def _learner(spec: Application) -> tuple[str, str, dict[str, Any], tuple[str, ...]]:
    """What a state depends on: while it stays the same, what is in memory does too."""
    return spec.learning, spec.policy, spec.policy_config, spec.models


def _delay_s(model: Model) -> float:
    return AUTO_S if model.batch_delay_ms == AUTO_BATCH_DELAY_MS else model.batch_delay_ms * 1e-3


def _expire(query: PendingQuery, now: float) -> None:
    query.answered = True
    if not query.concluded:
        assert query.application is not None
        query.application.conclude(query, now)
