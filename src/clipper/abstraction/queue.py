"""The queue of one model version: by priority, then earliest deadline first; shared by its replicas, which pull.

Queries of one application all have the same latency objective, so their deadlines arrive in order: a lane per priority
and objective is a plain FIFO, and the earliest deadline of a priority is at the head of one of its lanes. That makes
push and pull O(lanes) with no heap.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from clipper.abstraction.evaluation import Evaluation
from clipper.abstraction.terms import Terms

RETURNED_PRIORITY: Final = 10
"""Of what was lost with a replica: above all applications', since it has waited already."""

MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""Of inputs in one message: half of the wire's limit, which leaves room for the dimensions. An input that is larger
travels alone, so that it harms no other if the wire refuses it."""

MAX_ABANDONED: Final = 1000
"""Evaluations whose askers have gone and that still lie in their lanes; past it, and past those that are alive, the
lanes are swept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """Settings of the queues in front of the models."""

    max_length: int = 20_000
    """Evaluations waiting for one model version; past it a query is answered at once. Nothing that waits behind
    20,000 others makes a 20 ms objective on any model this project has measured."""


class Lane:
    """Evaluations of one priority and objective, in the order of their deadlines."""

    __slots__ = ("evaluations", "priority")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.evaluations: deque[Evaluation] = deque()


class DeadlineQueue:
    """Evaluations waiting for a replica of one model version.

    Attributes:
        length: how many wait; those whose askers have gone do not count.
        lowest: the lowest priority that anybody has asked with.
    """

    def __init__(self, config: QueueConfig) -> None:
        self._max_length = config.max_length
        self._suspects: deque[Evaluation] = deque()
        self._returned = Lane(RETURNED_PRIORITY)
        self._by_terms: dict[tuple[int, float], Lane] = {}
        self._lanes = [self._returned]
        self._last_terms: Terms | None = None
        self._last_lane = self._returned
        self._abandoned = 0
        self.length = 0
        self.lowest = RETURNED_PRIORITY

    def __len__(self) -> int:
        return self.length

    @property
    def has_suspects(self) -> bool:
        """Whether what goes out next goes out alone."""
        return bool(self._suspects)

    def push(self, evaluation: Evaluation, terms: Terms) -> bool:
        """Append to the lane of that priority and objective; False if the queue is full."""
        if self.length >= self._max_length:
            return False
        if terms is not self._last_terms:  # the same as before, most of the time
            self._last_terms = terms
            self._last_lane = self._lane(terms)
        self._last_lane.evaluations.append(evaluation)
        self.length += 1
        return True

    def push_back(self, evaluations: list[Evaluation], *, alone: bool) -> None:
        """Return what a replica had taken and does not answer: it goes before all that waits.

        Where each is to go out alone, that is true of those with an attempt.
        """
        for evaluation in evaluations:
            evaluation.queued = True
            (self._suspects if alone and evaluation.attempts else self._returned.evaluations).append(evaluation)
        in_order = sorted(self._returned.evaluations, key=_deadline)  # what another replica had may be younger
        self._returned.evaluations = deque(in_order)
        self.length += len(evaluations)

    def length_from(self, priority: int) -> int:
        """How many wait with that priority or a higher one."""
        before = [lane.evaluations for lane in self._lanes if lane.priority >= priority]
        if self._abandoned:
            return len(self._suspects) + sum(each.queued for evaluations in before for each in evaluations)
        return len(self._suspects) + sum(map(len, before))

    def first(self) -> Evaluation | None:
        """Whose turn it is, awaited or not."""
        lane, _ = self._turn()
        return None if lane is None else lane.evaluations[0]

    def head(self, horizon: float, dropped: list[Evaluation]) -> float:
        """The deadline of whose turn it is, inf if nobody waits.

        What nobody awaits past `horizon` goes to `dropped` before.
        """
        while self.length:
            lane, _ = self._turn()
            if lane is None:
                break
            while lane.evaluations:
                evaluation = lane.evaluations[0]
                if evaluation.deadline > horizon and not evaluation.waiter.answered:
                    return evaluation.deadline
                if evaluation.is_awaited(horizon):
                    return evaluation.awaited_until(horizon)
                self._drop_first(lane, dropped)
        return inf

    def drop_late(self, horizon: float, most: int, dropped: list[Evaluation]) -> bool:
        """Move at most `most` from the lane whose turn it is to `dropped`, unless they are awaited past `horizon`.

        Returns whether there was one.
        """
        lane, _ = self._turn()
        before = len(dropped)
        if lane is not None:
            left = most
            while left and lane.evaluations and not lane.evaluations[0].is_awaited(horizon):
                self._drop_first(lane, dropped)
                left -= 1
        return len(dropped) > before

    def take(self, limit: int, horizon: float) -> tuple[list[Evaluation], list[Evaluation]]:
        """The next batch: at most `limit` evaluations, in turn, that stack into one message.

        Returns (batch, dropped); dropped are those that nobody awaits past `horizon`.
        """
        batch: list[Evaluation] = []
        dropped: list[Evaluation] = []
        if self._suspects:
            self._take_suspect(batch, dropped, horizon)
        growing = limit > 0 and not batch
        while growing and self.length:
            lane, later = self._turn()
            if lane is None:
                break
            before = len(batch) + len(dropped)
            growing = self._fill(batch, dropped, lane.evaluations, (later, horizon), limit)
            self.length -= len(batch) + len(dropped) - before
        return batch, dropped

    def abandon(self, evaluation: Evaluation) -> None:
        """Its askers have gone: it holds no place any longer. It is left in its lane, and dropped there in passing."""
        evaluation.queued = False
        self.length -= 1
        self._abandoned += 1
        if self._abandoned > max(MAX_ABANDONED, self.length):
            self._abandoned = 0
            for lane in self._lanes:
                lane.evaluations = deque(each for each in lane.evaluations if each.queued)

    def drop_expired(self, now: float) -> list[Evaluation]:
        """Remove and return what can no longer be answered in time."""
        expired: list[Evaluation] = []
        for lane in self._lanes:
            while lane.evaluations and not lane.evaluations[0].is_awaited(now):
                self._drop_first(lane, expired)
        while self._suspects and not self._suspects[0].is_awaited(now):
            expired.append(self._suspects.popleft())
            self.length -= 1
        return expired

    def drain(self) -> Iterator[Evaluation]:
        """Remove everything."""
        yield from self._suspects
        self._suspects.clear()
        for lane in self._lanes:
            yield from (each for each in lane.evaluations if each.queued)
            lane.evaluations.clear()
        self.length = 0

    def _lane(self, terms: Terms) -> Lane:
        lane = self._by_terms.get(terms.lane)
        if lane is None:
            lane = self._by_terms[terms.lane] = Lane(terms.priority)
            self._lanes.append(lane)
            self.lowest = min(self.lowest, terms.priority)
        return lane

    def _take_suspect(self, batch: list[Evaluation], dropped: list[Evaluation], horizon: float) -> None:
        """One that was lost with its container goes before all others, and alone."""
        while self._suspects and not batch:
            evaluation = self._suspects.popleft()
            evaluation.queued = False
            self.length -= 1
            (batch if evaluation.is_awaited(horizon) else dropped).append(evaluation)

    def _drop_first(self, lane: Lane, dropped: list[Evaluation]) -> None:
        evaluation = lane.evaluations.popleft()
        if evaluation.queued:
            evaluation.queued = False
            self.length -= 1
            dropped.append(evaluation)
        else:
            self._abandoned -= 1

    def _turn(self) -> tuple[Lane | None, float]:
        """The lane whose turn it is, and the deadline at which it is that of another of the same priority."""
        first: Lane | None = None
        later = inf
        for lane in self._lanes:
            if not lane.evaluations:
                continue
            if first is None or lane.priority > first.priority:
                first, later = lane, inf
            elif lane.priority == first.priority:
                deadline = lane.evaluations[0].deadline
                if deadline < first.evaluations[0].deadline:
                    first, later = lane, first.evaluations[0].deadline
                else:
                    later = min(later, deadline)
        return first, later

    def _fill(
        self,
        batch: list[Evaluation],
        dropped: list[Evaluation],
        lane: deque[Evaluation],
        times: tuple[float, float],
        limit: int,
    ) -> bool:
        """Move what belongs into `batch` from the head of `lane`, until another's turn. False: it is complete."""
        later, horizon = times
        first = batch[0].input if batch else None
        room = MAX_BATCH_BYTES - sum(len(each.input.payload) for each in batch)
        while lane:
            evaluation = lane[0]
            deadline = evaluation.deadline
            if deadline > later:
                return True
            if (deadline <= horizon or evaluation.waiter.answered) and not evaluation.is_awaited(horizon):
                lane.popleft()
                if evaluation.queued:
                    evaluation.queued = False
                    dropped.append(evaluation)
                else:
                    self._abandoned -= 1
                continue
            asked = evaluation.input
            size = len(asked.payload)
            if first is None:
                first = asked
            elif asked.dtype is not first.dtype or len(asked.shape) != len(first.shape) or size > room:
                return False
            batch.append(lane.popleft())
            evaluation.queued = False
            room -= size
            if len(batch) == limit:
                return False
        return True


def _deadline(evaluation: Evaluation) -> float:
    return evaluation.deadline
