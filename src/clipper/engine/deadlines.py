"""Wakes queries at their deadline: one timer for all of them, none for each.

Queries with one latency objective have deadlines in order of arrival, so a FIFO for each objective suffices. Most are
answered long before they reach its head and are dropped there in passing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

from clipper.core.clock import Clock
from clipper.engine.query import PendingQuery

LATEST_WAKE_S: Final = 0.05
"""A lane's answered queries are released at least this often."""


class Deadlines:
    """Calls `expire(query, now)` for each watched query that is not answered by its deadline."""

    def __init__(self, expire: Callable[[PendingQuery, float], None], clock: Clock) -> None:
        self._expire = expire
        self._clock = clock
        self._lanes: dict[float, deque[PendingQuery]] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = inf

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def watch(self, query: PendingQuery, slo_s: float) -> None:
        """Wake this query at its deadline unless it is answered before."""
        lane = self._lanes.get(slo_s)
        if lane is None:
            lane = self._lanes[slo_s] = deque()
        if not lane and query.deadline < self._wake_at:  # behind others its deadline is later than theirs
            self._schedule(query.deadline)
        lane.append(query)

    def stop(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._lanes.clear()

    def _schedule(self, deadline: float) -> None:
        """Wake at `deadline`, or earlier to release what is answered."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock()
        self._wake_at = min(deadline, now + LATEST_WAKE_S)
        self._timer = self._loop.call_later(max(0.0, self._wake_at - now), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._wake_at = inf
        now = self._clock()
        for lane in list(self._lanes.values()):
            self._release(lane, now)
        heads = [lane[0].deadline for lane in self._lanes.values() if lane]
        if heads:
            self._schedule(min(heads))

    def _release(self, lane: deque[PendingQuery], now: float) -> None:
        """Drop from the head of a lane what is answered, and expire what should be."""
        while lane and (lane[0].answered or lane[0].deadline <= now):
            query = lane.popleft()
            if not query.answered:
                self._expire(query, now)
