"""One replica as this frontend sees it: pulls batches from its model's queue and keeps two of them in flight."""

import asyncio
import contextlib
from math import inf
from typing import Final, NamedTuple, Protocol

from clipper.abstraction.batching.controller import LEAD_S, PIPELINE_DEPTH, BatchController
from clipper.abstraction.evaluation import Evaluation
from clipper.abstraction.link import Link
from clipper.abstraction.measures import ReplicaMeasures
from clipper.core.clock import Clock
from clipper.wire.batches import ItemFailure, ResultBatch
from clipper.wire.errors import LocalProtocolError

LEAVE_S: Final = 5.0
"""For the batches in flight of a replica that is to go; longer ones are asked elsewhere."""


OVERHEAD_RISES: Final = 0.2
OVERHEAD_FALLS: Final = 0.02
"""How fast the overhead of a batch is followed: it is to be a bound, so up faster than down."""

OVERHEAD_STEP_S: Final = 0.001
"""One batch counts as at most this much beyond twice the present overhead: a hiccup is not the rule."""

TIMER_S: Final = 0.0005
"""Not worth a timer: half of the resolution of the event loop's."""

STALL_FACTOR: Final = 4.0
STALL_S: Final = 0.02
"""A batch that computes so many times longer than expected, and at least so long, has stalled its replica: a hiccup of
the machine is over by then."""

RECENT: Final = 0.25
"""Weight of the newest batch in what batches take at present; with more, load and its refusal would swing."""


class Batch(NamedTuple):
    """Evaluations that one message carried, and how long they are expected to compute."""

    evaluations: list[Evaluation]
    sent_at: float
    compute_s: float = 0.0


class ReplicaOwner(Protocol):
    """The model version that a replica serves.

    Attributes:
        passed_over: how many were dropped for the last batch that was taken.
    """

    passed_over: int

    def take(self, controller: BatchController, start: float, now: float, *, idle: bool) -> list[Evaluation]:
        """The next batch, or nothing; its computation would begin at `start`, now if the replica is idle."""

    def completed(self, batch: Batch, result: ResultBatch, now: float) -> None:
        """A batch has come back, one outcome for each evaluation."""

    def returned(self, batches: list[Batch]) -> None:
        """These batches will not come back."""

    def stalled(self, replica: "Replica", batches: list[Batch]) -> bool:
        """This replica does not come back with these batches; False: there is no other to ask."""

    def forsaken(self, batches: list[Batch]) -> None:
        """Batches that it had stalled with will not come back."""

    def load_changed(self) -> None:
        """A batch has been sent or has come back."""


class Replica:
    """A container that takes batches whose size its own controller chooses.

    Attributes:
        batch_s: what its batches take at present, 0 while unknown.
    """

    def __init__(self, replica_id: int, link: Link, controller: BatchController, clock: Clock) -> None:
        self.replica_id = replica_id
        self.measures = ReplicaMeasures()
        self.batch_s = 0.0
        self._controller = controller
        self._link = link
        self._in_flight: dict[int, Batch] = {}
        self._next_batch_id = 1
        self._owner: ReplicaOwner | None = None
        self._clock = clock
        self._leaving = False
        self._on_trial = False
        self._stalled = False
        self._emptied = asyncio.Event()
        self._free_at = 0.0
        self._answered_at = 0.0
        self._overhead_s = 0.0
        self._room_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Replica {self.replica_id}: {len(self._in_flight)} in flight, limit {self.batch_limit}, {self._link}>"

    @property
    def ready(self) -> bool:
        """Whether its link is up."""
        return self._link.ready

    @property
    def serving(self) -> bool:
        """Whether it takes batches."""
        return self._link.ready and not (self._leaving or self._stalled)

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to compute."""
        return not self._in_flight

    @property
    def ready_at(self) -> float:
        """When it will have answered what it has."""
        return self._free_at

    def plan(self) -> tuple[int, float]:
        """How large its batches become if enough is waiting, and what such a batch takes; 0 while unknown."""
        size, compute_s = self._controller.plan()
        return size, compute_s + self._overhead_s if compute_s > 0 else 0.0

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

    def control(self, controller: BatchController) -> None:
        """Let another controller choose from now on."""
        self._controller = controller

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

    def pull(self, now: float) -> None:
        """Send as many batches as there are room and work for."""
        while self.pull_one(now):
            pass

    def pull_one(self, now: float) -> bool:
        """Send a batch if there are room and work for it."""
        in_flight = len(self._in_flight)
        if in_flight >= PIPELINE_DEPTH or self._on_trial or not self.serving:
            return False
        owner = self._owner
        assert owner is not None
        begins = max(now, self._free_at) if in_flight else now
        early_s = begins - now - LEAD_S - self._overhead_s
        if in_flight and early_s > TIMER_S:
            self._pull_later(early_s)
            return False
        evaluations = owner.take(self._controller, begins + self._overhead_s, now, idle=not in_flight)
        if evaluations:
            self._send(evaluations, begins, now)
            owner.load_changed()
        return bool(evaluations)

    def _send(self, evaluations: list[Evaluation], begins: float, now: float) -> None:
        """One batch, which the container takes up at `begins`."""
        owner = self._owner
        assert owner is not None
        compute_s = self._controller.typical_s(len(evaluations))
        batch_id = self._next_batch_id
        self._next_batch_id = batch_id + 1
        batch = Batch(evaluations, now, compute_s)
        try:
            self._link.send(batch_id, [each.input for each in evaluations])
        except LocalProtocolError as error:  # an input larger than the wire allows: it came alone, see the queue
            owner.completed(batch, ResultBatch([ItemFailure(error.message)] * len(evaluations), 0), now)
        else:
            self._in_flight[batch_id] = batch
            self._emptied.clear()
            self._on_trial = evaluations[0].attempts > 0  # nothing should be lost with a suspect
            self._free_at = begins + compute_s + self._overhead_s
            self.batch_s += (self._undropped_s(len(evaluations), compute_s) - self.batch_s) * RECENT
            if self._stall_timer is None and compute_s > 0:
                self._look_again_in(STALL_S)

    def _undropped_s(self, size: int, compute_s: float) -> float:
        """What the batch would take had nobody been dropped for it: small ones let those in who come too early."""
        owner = self._owner
        if owner is None or not owner.passed_over:
            return compute_s
        return self._controller.typical_s(min(size + owner.passed_over, self._controller.limit(inf)))

    def _pull_later(self, delay_s: float) -> None:
        """The container is busy for so long that what arrives meanwhile had better travel in one batch."""
        if self._room_timer is None:
            self._room_timer = asyncio.get_running_loop().call_later(delay_s, self._room_again)

    def _room_again(self) -> None:
        self._room_timer = None
        if self._in_flight:
            self.pull(self._clock())

    def _look_again_in(self, delay_s: float) -> None:
        """One timer for all batches: it is set anew only when it goes off."""
        self._stall_timer = asyncio.get_running_loop().call_later(delay_s, self._look_for_stall)

    def _look_for_stall(self) -> None:
        self._stall_timer = None
        owner = self._owner
        if owner is None or not self._in_flight or self._stalled or self._leaving:
            return
        batches = list(self._in_flight.values())
        oldest = batches[0]
        patience_s = max(STALL_FACTOR * oldest.compute_s, STALL_S) if oldest.compute_s > 0 else inf
        left_s = max(oldest.sent_at, self._answered_at) + patience_s - self._clock()
        if left_s > 0:
            self._look_again_in(min(max(left_s, STALL_S), LEAVE_S))
        elif owner.stalled(self, batches):
            self._stalled = True
            self.measures.stalls += 1
            owner.load_changed()
        else:
            self._look_again_in(STALL_S)

    def _learn(self, batch: Batch, compute_s: float, now: float) -> None:
        """What this batch tells of the next ones."""
        self._controller.observe(len(batch.evaluations), compute_s)
        overhead_s = now - max(batch.sent_at, self._answered_at) - compute_s
        present_s = self._overhead_s
        overhead_s = min(max(0.0, overhead_s), 2 * present_s + OVERHEAD_STEP_S)
        self._overhead_s += (overhead_s - present_s) * (OVERHEAD_RISES if overhead_s > present_s else OVERHEAD_FALLS)
        self._answered_at = now
        self._free_at = now
        for waiting in self._in_flight.values():
            self._free_at += waiting.compute_s + self._overhead_s

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
        self._stalled = False
        if not self._in_flight:
            self._emptied.set()
            self._on_trial = False
        now = self._clock()
        size = len(batch.evaluations)
        compute_s = result.compute_ns * 1e-9
        self._learn(batch, compute_s, now)
        measures = self.measures
        measures.batches += 1
        measures.batch_size.observe(size)
        measures.compute_s.observe(compute_s)
        measures.round_trip_s.observe(now - batch.sent_at)
        self.pull(now)  # before the outcomes are handed out, so that the container has work meanwhile
        self._owner.load_changed()
        self._owner.completed(batch, result, now)

    def link_lost(self) -> None:
        """Everything in flight has to be asked again."""
        assert self._owner is not None
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        self._emptied.set()
        self._on_trial = False
        self.measures.lost_batches += len(lost)
        if self._stalled:
            self._stalled = False
            self._owner.forsaken(lost)
        else:
            self._owner.returned(lost)
