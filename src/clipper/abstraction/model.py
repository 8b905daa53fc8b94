"""One model version as this frontend serves it: cache, single flight, queue, replicas.

`ask` is the whole interface to the layer above: an output at once, or later through `Waiter.receive`.
"""

import asyncio
from collections.abc import Coroutine
from math import inf
from random import getrandbits
from typing import Any, Final

from clipper.abstraction.admission import Admission
from clipper.abstraction.approximate.similar import ApproximateCache, Lookup
from clipper.abstraction.batching import BatchController, controller_named
from clipper.abstraction.batching.delay import BatchDelay
from clipper.abstraction.dispatch import next_batch
from clipper.abstraction.evaluation import Evaluation, Evaluations, Verifier, Waiter
from clipper.abstraction.layer import ModelLayer
from clipper.abstraction.link import Link
from clipper.abstraction.measures import ModelMeasures
from clipper.abstraction.queue import DeadlineQueue
from clipper.abstraction.replica import Batch, Replica
from clipper.abstraction.terms import Terms
from clipper.core.inputs import Input
from clipper.core.prediction import OVERLOADED
from clipper.wire.batches import ItemFailure, Outcome, ResultBatch

MAX_ATTEMPTS: Final = 2
"""How often an evaluation may be lost with its container before it is taken for the cause."""

SHED: Final = ItemFailure(OVERLOADED)
QUEUE_FULL: Final = ItemFailure("The model's queue is full")
CONTAINER_LOST: Final = ItemFailure("The model's container ended while it computed this input, twice")
MODEL_REMOVED: Final = ItemFailure("The model version was removed")


class ServedModel:
    """A model version, its queue and its replicas. Lives between its first use and `stop()`.

    Attributes:
        can_answer: whether a container is, or soon should be, there to ask.
        passed_over: how many were dropped for the last batch that was taken.
        approximate: its approximate cache, if an application allows one.
    """

    def __init__(self, name: str, version: str, batch_size: int, layer: ModelLayer) -> None:
        self.name = name
        self.version = version
        self.measures = ModelMeasures()
        self._slo_s = inf
        self.replicas: dict[int, Replica] = {}
        self.can_answer = False
        self._batching = ("fixed" if batch_size > 0 else layer.config.batching, batch_size)
        self._delay: BatchDelay | None = None
        self._company_timer: asyncio.TimerHandle | None = None
        self._layer = layer
        self._cache = layer.cache
        self._clock = layer.clock
        self._evaluations: Evaluations = {}
        self.approximate: ApproximateCache | None = None
        self._renewals: Evaluations = {}  # in flight although there is a finished one, too old for who asked
        self._queue = DeadlineQueue(layer.config.queue)
        self._admission = Admission()
        self._pull_scheduled = False
        self.passed_over = 0
        self._loop = asyncio.get_running_loop()

    def __repr__(self) -> str:
        return f"<ServedModel {self.name}:{self.version}: {len(self._queue)} queued, {list(self.replicas.values())}>"

    @property
    def queue_length(self) -> int:
        """Evaluations that wait for a replica."""
        return len(self._queue)

    def ask(self, asked: Input, deadline: float, now: float, terms: Terms, waiter: Waiter, member: int) -> bytes | None:
        """The cached output of `asked`, or None: then `waiter.receive(member, outcome, …)` follows by itself.

        Nothing follows if no container answers; the waiter keeps its own deadline.
        """
        evaluations = self._evaluations
        evaluation = evaluations.get(asked.key)
        if evaluation is not None:
            output = evaluation.output
            if output is not None:
                if terms.any_age or now - evaluation.made <= terms.max_age_s:
                    evaluation.visited = True
                    self.measures.cache_hits += 1
                    return output
                evaluations = self._renewals  # the finished one stays for others until a newer one is there
                evaluation = evaluations.get(asked.key)
            if evaluation is not None and (evaluation.deadline > now or evaluation.is_awaited(now)):
                self.measures.joined += 1
                evaluation.join(waiter, member)
                if terms.cached:
                    evaluation.keep = True
                return None
            # Its container has not answered in time: it must not hold up this query too, so that one is asked anew.
        self.measures.cache_misses += 1
        queue = self._queue
        if queue.length >= self._admission.places and self._is_hopeless(deadline, now, terms):
            self.measures.shed += 1
            waiter.receive(member, SHED, now)
            return None
        evaluation = Evaluation(asked, evaluations, deadline, now, waiter, member)
        evaluation.keep = terms.cached
        if not queue.push(evaluation, terms):
            self.measures.rejected += 1
            evaluation.complete(QUEUE_FULL, now)
            return None
        evaluations[asked.key] = evaluation
        if not self._pull_scheduled:
            self._pull_scheduled = True
            self._loop.call_soon(self._pull)  # once per loop turn: what arrives in one turn goes out as one batch
        return None

    @property
    def has_load(self) -> bool:
        """Whether answers may take a while: see `expected_at`."""
        return self._queue.length >= self._admission.short

    def expected_at(self, asked: Input, now: float, terms: Terms) -> float:
        """When `asked` would be answered; -inf: at once, or nobody knows; inf: never, as no replica is there."""
        if not self.can_answer:
            return inf
        if asked.key in self._evaluations:
            return -inf
        queue = self._queue
        self._admission.reckon(self.replicas.values(), now, self._slo_s)
        return self._admission.expected_at(
            queue.length if terms.priority <= queue.lowest else queue.length_from(terms.priority)
        )

    def abandon(self, asked: Input, now: float) -> None:
        """A client has gone that had asked this: unless others wait for it too, it leaves the queue."""
        for evaluations in (self._evaluations, self._renewals):
            evaluation = evaluations.get(asked.key)
            if evaluation is not None and evaluation.queued and not evaluation.is_awaited(now):
                self._queue.abandon(evaluation)
                self._remove(evaluation)
                self.measures.dropped += 1

    def take(self, controller: BatchController, start: float, now: float, *, idle: bool) -> list[Evaluation]:
        """The next batch for a replica that can begin with it at `start`.

        What could not be answered in time any more is answered at once. If that is all there is, and the replica has
        nothing else to do, it gets one of them: it might have become faster.
        """
        queue = self._queue
        if not queue.length or (idle and self._delay is not None and self._waits_for_company(controller, start, now)):
            return []
        batch, dropped = next_batch(queue, controller, start, now)
        self.passed_over = len(dropped)
        if dropped:
            if idle and not batch and dropped[-1].is_awaited(now):
                batch.append(dropped.pop())
            self._give_up(dropped, now)
        if self._delay is not None:
            self._delay.took(len(batch), now)
        return batch

    def look_up(self, asked: Input, now: float, terms: Terms) -> Lookup | None:
        """What the approximate cache has for an input that is neither cached nor in flight; to try before `ask`."""
        approximate = self.approximate
        if approximate is None:
            return None
        effort = approximate.effort
        if effort.skip:
            effort.skip -= 1
            return None
        if asked.key in self._evaluations:
            return None
        return approximate.look_up(asked, -inf if terms.any_age else now - terms.max_age_s)

    def learn_from(self, asked: Input, lookup: Lookup) -> None:
        """What the model will say of `asked`, which it has just been asked, is news for the approximate cache."""
        evaluation = self._evaluations.get(asked.key)
        if evaluation is not None and evaluation.output is None:
            evaluation.lookup = lookup

    def verify(self, asked: Input, lookup: Lookup, deadline: float, now: float, terms: Terms) -> None:
        """Ask the model too, although the approximate cache has answered."""
        self.ask(asked, deadline, now, terms, Verifier(deadline), 0)
        self.learn_from(asked, lookup)

    def completed(self, batch: Batch, result: ResultBatch, now: float) -> None:
        """Keep the outputs and hand the outcomes to those who wait."""
        measures = self.measures
        evaluations = self._evaluations
        for place, outcome in enumerate(result.outcomes):
            evaluation = batch.evaluations[place]
            key = evaluation.input.key
            held = evaluations.get(key)
            if type(outcome) is not bytes:
                measures.failures += 1
                if evaluation.output is None:  # else another replica had been asked too
                    self._remove(evaluation)
            elif held is evaluation and evaluation.keep:
                if evaluation.output is None:
                    evaluation.output = outcome
                    evaluation.made = now
                    self._cache.admit(evaluation, outcome)
            else:
                self._settle(evaluation, held, outcome, now)
            if evaluation.lookup is not None:
                self._learn(evaluation.lookup, outcome, now)
                evaluation.lookup = None
            evaluation.complete(outcome, now)
        size = len(batch.evaluations)
        if self.approximate is not None and size:
            self.approximate.effort.learn(result.compute_ns * 1e-9 / size)
        measures.predictions += size
        measures.queue_s.observe_many(batch.sent_at - batch.evaluations[0].arrived, size)

    def returned(self, batches: list[Batch]) -> None:
        """Ask again what a lost container had taken, while there is time.

        The oldest of `batches` was being computed: one of its inputs may have been the cause. They go out alone next
        time, and one that is lost alone is not tried again; its batch-mates have their answers by then.
        """
        now = self._clock()
        again = []
        for suspect in batches[:1]:
            for evaluation in suspect.evaluations:
                evaluation.attempts += 1
        for evaluation in (each for batch in batches for each in batch.evaluations):
            if evaluation.attempts < MAX_ATTEMPTS and evaluation.is_awaited(now) and self.can_answer:
                again.append(evaluation)
            else:
                self._remove(evaluation)
                if evaluation.attempts >= MAX_ATTEMPTS:
                    evaluation.complete(CONTAINER_LOST, now)
        self._queue.push_back(again, alone=True)
        self._pull()

    def stalled(self, replica: Replica, batches: list[Batch]) -> bool:
        """Ask others what this replica is so long about; the outcome that comes first counts. False: there are none."""
        if not any(other.serving for other in self.replicas.values() if other is not replica):
            return False
        now = self._clock()
        for evaluation in batches[0].evaluations:
            evaluation.attempts += 1
        self._queue.push_back(
            [
                evaluation
                for batch in batches
                for evaluation in batch.evaluations
                if evaluation.attempts < MAX_ATTEMPTS and evaluation.is_awaited(now)
            ],
            alone=False,
        )
        self._loop.call_soon(self._pull)
        return True

    def forsaken(self, batches: list[Batch]) -> None:
        """These batches will not come back; others have been asked already."""
        for batch in batches:
            for evaluation in batch.evaluations:
                if evaluation.output is None and not evaluation.queued:
                    self._remove(evaluation)

    def drop_expired(self, now: float) -> None:
        """Forget what waited in vain; its waiters have answered by their own deadline."""
        self._give_up(self._queue.drop_expired(now), now)

    def load_changed(self) -> None:
        """How long a query has to wait is to be reckoned anew."""
        self._admission.forget()

    def set_objective(self, slo_s: float) -> None:
        """The tightest latency objective of the applications that use this version."""
        self._slo_s = slo_s
        for replica in self.replicas.values():
            replica.retarget(slo_s)

    def set_batching(self, name: str, batch_size: int, delay_s: float) -> None:
        """How batches are sized, "" for the server's default, and how long they wait for company (s, or AUTO_S)."""
        batching = (name or self._layer.config.batching, batch_size)
        if batching != self._batching:
            self._batching = batching
            for replica in self.replicas.values():
                replica.control(self._controller())
        if delay_s == 0.0:
            self._delay = None
        elif self._delay is None or self._delay.delay_s != delay_s:
            self._delay = BatchDelay(delay_s)

    def set_max_disagreement(self, share: float) -> None:
        """The strictest of the applications that use this version and allow similar inputs' answers; 0 if none does."""
        max_bytes = self._layer.config.cache.approximate_max_bytes
        if share <= 0.0 or max_bytes <= 0:
            self.approximate = None
        elif self.approximate is None or self.approximate.max_disagreement != share:
            self.approximate = ApproximateCache(max_bytes, share, getrandbits(32))

    def add_replica(self, replica_id: int, address: str, token: str) -> None:
        """Dial a replica's container and give it work."""
        layer = self._layer
        link = Link(address, token, layer.peer, layer.config.link)
        replica = Replica(replica_id, link, self._controller(), self._clock)
        self.replicas[replica_id] = replica
        replica.start(self)

    def remove_replica(self, replica_id: int) -> Coroutine[Any, Any, None]:
        """Give it no more work from now on; awaiting the result lets it finish what it has, and closes its link."""
        replica = self.replicas.pop(replica_id)
        replica.leave()
        return replica.stop()

    async def stop(self) -> None:
        """The version is gone: close every link, fail what waits, and free its cache entries."""
        self.can_answer = False
        if self._company_timer is not None:
            self._company_timer.cancel()
        for replica_id in list(self.replicas):
            await self.remove_replica(replica_id)
        now = self._clock()
        for evaluation in list(self._queue.drain()):
            evaluation.complete(MODEL_REMOVED, now)
        self._cache.forget(self._evaluations)
        self._renewals.clear()
        self.approximate = None

    def _controller(self) -> BatchController:
        name, batch_size = self._batching
        return controller_named(name, batch_size, self._slo_s)

    def _waits_for_company(self, controller: BatchController, start: float, now: float) -> bool:
        """Whether what is there had better wait a little; it is pulled again after that."""
        first = self._queue.first()
        if first is None or self._delay is None:
            return False
        wait_s = self._delay.wait_s(self._queue.length, now - first.arrived, first.deadline - start, controller)
        if wait_s <= 0:
            return False
        if self._company_timer is None:
            self._company_timer = self._loop.call_later(wait_s, self._company_has_come)
        return True

    def _company_has_come(self) -> None:
        self._company_timer = None
        self._pull()

    def _pull(self) -> None:
        self._pull_scheduled = False
        now = self._clock()
        replicas = self.replicas
        if len(replicas) > 1:
            for replica in replicas.values():
                if replica.is_idle:
                    replica.pull_one(now)  # before another is given a second batch
        for replica in replicas.values():
            if not self._queue.length:
                return
            replica.pull(now)

    def _is_hopeless(self, deadline: float, now: float, terms: Terms) -> bool:
        queue = self._queue
        self._admission.reckon(self.replicas.values(), now, self._slo_s)
        ahead = queue.length if terms.priority <= queue.lowest else queue.length_from(terms.priority)
        return self._admission.is_hopeless(ahead, deadline)

    def _give_up(self, evaluations: list[Evaluation], now: float) -> None:
        """They will not be asked; who waits longer than until now is told so."""
        self.measures.dropped += len(evaluations)
        for evaluation in evaluations:
            if evaluation.output is None:  # else another replica has answered it meanwhile
                self._remove(evaluation)
                if evaluation.is_awaited(now):
                    evaluation.complete(SHED, now)

    def _learn(self, lookup: Lookup, outcome: Outcome, now: float) -> None:
        if self.approximate is not None and isinstance(outcome, bytes):
            self.approximate.learn(lookup, outcome, now)

    def _settle(self, evaluation: Evaluation, held: Evaluation | None, output: bytes, now: float) -> None:
        """What becomes of an output that nobody wants cached, or whose place in the cache `held` has."""
        is_renewal = evaluation.owner is self._renewals
        self._remove(evaluation)
        if not evaluation.keep:
            return
        if held is None or held.output is None:  # evicted meanwhile; or this is late, and has been asked again
            self._evaluations[evaluation.input.key] = evaluation
            evaluation.owner = self._evaluations
            evaluation.output = output
            evaluation.made = now
            self._cache.admit(evaluation, output)
        elif is_renewal:
            held.made = now
            self._cache.renew(held, output)

    def _remove(self, evaluation: Evaluation) -> None:
        key = evaluation.input.key
        if evaluation.owner.get(key) is evaluation:
            del evaluation.owner[key]
