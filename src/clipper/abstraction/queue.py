"""The queue of one model version: earliest deadline first, shared by its replicas, which pull.

Queries of one application all have the same latency objective, so their deadlines arrive in order: a lane per
objective is a plain FIFO, and the earliest deadline of all is at the head of one of the lanes. That makes push and
pull O(lanes) with no heap.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from clipper.abstraction.evaluation import Evaluation

RETRIED = 0.0
SUSPECTS = -1.0
"""Lanes beside those of the latency objectives, for what was lost with a replica."""

MAX_BATCH_BYTES = 32 * 1024 * 1024
"""Of inputs in one message: half of the wire's limit, which leaves room for the dimensions. An input that is larger
travels alone, so that it harms no other if the wire refuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """Settings of the queues in front of the models."""

    max_length: int = 20_000
    """Evaluations waiting for one model version; past it a query is answered at once. Nothing that waits behind
    20,000 others makes a 20 ms objective on any model this project has measured."""


class DeadlineQueue:
    """Evaluations waiting for a replica of one model version."""

    def __init__(self, config: QueueConfig) -> None:
        self._max_length = config.max_length
        self._suspects: deque[Evaluation] = deque()
        self._retried: deque[Evaluation] = deque()
        self._lanes: dict[float, deque[Evaluation]] = {SUSPECTS: self._suspects, RETRIED: self._retried}
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def push(self, evaluation: Evaluation, slo_s: float) -> bool:
        """Append to the lane of that latency objective; False if the queue is full."""
        if self.length >= self._max_length:
            return False
        lane = self._lanes.get(slo_s)
        if lane is None:
            lane = self._lanes[slo_s] = deque()
        lane.append(evaluation)
        self.length += 1
        return True

    def push_back(self, evaluations: list[Evaluation]) -> None:
        """Return what a lost replica had taken: it is older than all that waits. Suspects are those with an attempt."""
        for evaluation in evaluations:
            (self._suspects if evaluation.attempts else self._retried).append(evaluation)
        in_order = sorted(self._retried, key=_deadline)  # what came from another replica before may be younger
        self._retried.clear()
        self._retried.extend(in_order)
        self.length += len(evaluations)

    def take(self, limit: int, now: float) -> tuple[list[Evaluation], list[Evaluation]]:
        """The next batch: at most `limit` evaluations, earliest deadline first, that stack into one message.

        Returns (batch, dropped); dropped are those that came too late or that nobody awaits any longer.
        """
        batch: list[Evaluation] = []
        dropped: list[Evaluation] = []
        if self._suspects:
            self._take_suspect(batch, dropped, now)
        growing = limit > 0 and not batch
        while growing and self.length:
            lane, later = self._earliest()
            before = len(lane)
            growing = _fill(batch, dropped, lane, (later, now), limit)
            self.length -= before - len(lane)
        return batch, dropped

    def drop_expired(self, now: float) -> list[Evaluation]:
        """Remove and return what can no longer be answered in time."""
        expired = []
        for lane in self._lanes.values():
            while lane and not lane[0].is_awaited(now):
                expired.append(lane.popleft())
        self.length -= len(expired)
        return expired

    def drain(self) -> Iterator[Evaluation]:
        """Remove everything."""
        for lane in self._lanes.values():
            yield from lane
            self.length -= len(lane)
            lane.clear()

    def _take_suspect(self, batch: list[Evaluation], dropped: list[Evaluation], now: float) -> None:
        """One that was lost with its container goes before all others, and alone."""
        while self._suspects and not batch:
            evaluation = self._suspects.popleft()
            self.length -= 1
            (batch if evaluation.is_awaited(now) else dropped).append(evaluation)

    def _earliest(self) -> tuple[deque[Evaluation], float]:
        """The lane whose turn it is, and the deadline at which it is another's."""
        lanes = [lane for lane in self._lanes.values() if lane]
        if len(lanes) == 1:
            return lanes[0], inf
        lanes.sort(key=lambda lane: lane[0].deadline)
        return lanes[0], lanes[1][0].deadline


def _deadline(evaluation: Evaluation) -> float:
    return evaluation.deadline


def _fill(
    batch: list[Evaluation],
    dropped: list[Evaluation],
    lane: deque[Evaluation],
    times: tuple[float, float],
    limit: int,
) -> bool:
    """Move what belongs into `batch` from the head of `lane`, until another lane's turn. False: it is complete."""
    later, now = times
    first = batch[0].input if batch else None
    room = MAX_BATCH_BYTES - sum(len(each.input.payload) for each in batch)
    while lane:
        evaluation = lane[0]
        deadline = evaluation.deadline
        if deadline > later:
            return True
        if (deadline <= now or evaluation.waiters[0][0].answered) and not evaluation.is_awaited(now):
            dropped.append(lane.popleft())
            continue
        asked = evaluation.input
        size = len(asked.payload)
        if first is None:
            first = asked
        elif asked.dtype is not first.dtype or len(asked.shape) != len(first.shape) or size > room:
            return False
        batch.append(lane.popleft())
        room -= size
        if len(batch) == limit:
            return False
    return True
