"""One replica as this frontend sees it: pulls batches from its model's queue and keeps two of them in flight."""

import asyncio
import contextlib
from math import inf
from typing import NamedTuple, Protocol

from clipper.abstraction.batching.controller import PIPELINE_DEPTH, BatchController
from clipper.abstraction.evaluation import Evaluation
from clipper.abstraction.link import Link
from clipper.core.clock import Clock
from clipper.core.histogram import BATCH_SIZE_BOUNDS, Histogram
from clipper.wire.batches import ItemFailure, ResultBatch
from clipper.wire.errors import LocalProtocolError

LEAVE_S = 5.0
"""For the batches in flight of a replica that is to go; longer ones are asked elsewhere."""


class Batch(NamedTuple):
    """Evaluations that one message carried."""

    evaluations: list[Evaluation]
    sent_at: float


class ReplicaOwner(Protocol):
    """The model version that a replica serves."""

    def take(self, limit: int, now: float) -> list[Evaluation]:
        """The next batch, or nothing."""

    def completed(self, batch: Batch, result: ResultBatch, now: float) -> None:
        """A batch has come back, one outcome for each evaluation."""

    def returned(self, batches: list[Batch]) -> None:
        """These batches will not come back."""


class ReplicaMeasures:
    """What this frontend counts of one replica."""

    __slots__ = ("batch_size", "batches", "compute_s", "failures", "lost_batches", "round_trip_s")

    def __init__(self) -> None:
        self.batches = 0
        self.failures = 0
        self.lost_batches = 0
        self.batch_size = Histogram(BATCH_SIZE_BOUNDS)
        self.compute_s = Histogram()
        self.round_trip_s = Histogram()


class Replica:
    """A container that takes batches whose size its own controller chooses."""

    def __init__(self, replica_id: int, link: Link, controller: BatchController, clock: Clock) -> None:
        self.replica_id = replica_id
        self.measures = ReplicaMeasures()
        self._controller = controller
        self._link = link
        self._in_flight: dict[int, Batch] = {}
        self._next_batch_id = 1
        self._owner: ReplicaOwner | None = None
        self._clock = clock
        self._leaving = False
        self._on_trial = False
        self._emptied = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Replica {self.replica_id}: {len(self._in_flight)} in flight, limit {self.batch_limit}, {self._link}>"

    @property
    def ready(self) -> bool:
        """Whether its link is up."""
        return self._link.ready

    @property
    def batch_limit(self) -> int:
        """The controller's present bound."""
        return self._controller.limit(inf)

    @property
    def endpoint(self) -> tuple[str, str]:
        """Where its container listens, and the token it was started with."""
        return self._link.endpoint

    def retarget(self, objective_s: float) -> None:
        """The latency objective from now on."""
        self._controller.retarget(objective_s)

    def start(self, owner: ReplicaOwner) -> None:
        """Dial the container; from then on work is pulled from `owner`."""
        self._owner = owner
        self._link.start(self)

    def leave(self) -> None:
        """Take no more work; `stop` is to follow."""
        self._leaving = True

    async def stop(self) -> None:
        """Wait for what is in flight, for at most LEAVE_S, and close the link; the rest is returned to the owner."""
        self.leave()
        if self._in_flight and self._link.ready:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._emptied.wait()
        await self._link.stop()

    def has_room(self) -> bool:
        """Whether another batch may be sent now."""
        return len(self._in_flight) < PIPELINE_DEPTH and self._link.ready and not (self._leaving or self._on_trial)

    def pull(self, now: float) -> None:
        """Send as many batches as there are room and work for."""
        owner = self._owner
        assert owner is not None
        while self.has_room():
            evaluations = owner.take(self._controller.limit(inf), now)
            if not evaluations:
                return
            batch_id = self._next_batch_id
            self._next_batch_id = batch_id + 1
            batch = Batch(evaluations, now)
            try:
                self._link.send(batch_id, [each.input for each in evaluations])
            except LocalProtocolError as error:  # an input larger than the wire allows: it came alone, see the queue
                owner.completed(batch, ResultBatch([ItemFailure(error.message)] * len(evaluations), 0), now)
            else:
                self._in_flight[batch_id] = batch
                self._emptied.clear()
                self._on_trial = evaluations[0].attempts > 0  # nothing should be lost with a suspect

    def link_ready(self) -> None:
        """The container has been greeted."""
        self.pull(self._clock())

    def link_result(self, batch_id: int, result: ResultBatch) -> None:
        """Outcomes of one batch: learn from them, ask for more, then hand them out."""
        assert self._owner is not None
        batch = self._in_flight.pop(batch_id, None)
        if batch is None or len(result.outcomes) != len(batch.evaluations):
            expected = 0 if batch is None else len(batch.evaluations)
            if batch is not None:
                self._in_flight[batch_id] = batch
            self._link.drop(f"Batch {batch_id} came back with {len(result.outcomes)} outcomes; expected {expected}")
            return
        if not self._in_flight:
            self._emptied.set()
            self._on_trial = False
        now = self._clock()
        size = len(batch.evaluations)
        compute_s = result.compute_ns * 1e-9
        self._controller.observe(size, compute_s)
        measures = self.measures
        measures.batches += 1
        measures.batch_size.observe(size)
        measures.compute_s.observe(compute_s)
        measures.round_trip_s.observe(now - batch.sent_at)
        self.pull(now)  # before the outcomes are handed out, so that the container has work meanwhile
        self._owner.completed(batch, result, now)

    def link_lost(self) -> None:
        """Everything in flight has to be asked again."""
        assert self._owner is not None
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        self._emptied.set()
        self._on_trial = False
        self.measures.lost_batches += len(lost)
        self._owner.returned(lost)
