"""Wakes queries at their deadline: one timer for all of them, none for each.

Queries with one latency objective have deadlines in order of arrival, so a FIFO for each objective suffices. Most are
answered long before they reach its head and are dropped there in passing.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from clipper.core.clock import Clock
from clipper.engine.query import PendingQuery

LATEST_WAKE_S = 0.05
"""A lane's answered queries are released at least this often."""


class Deadlines:
    """Calls `expire(query, now)` for each watched query that is not answered by its deadline."""

    def __init__(self, expire: Callable[[PendingQuery, float], None], clock: Clock) -> None:
        self._expire = expire
        self._clock = clock
        self._lanes: dict[float, deque[PendingQuery]] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def watch(self, query: PendingQuery, slo_s: float) -> None:
        """Wake this query at its deadline unless it is answered before."""
        lane = self._lanes.get(slo_s)
        if lane is None:
            lane = self._lanes[slo_s] = deque()
        lane.append(query)
        if self._timer is None:
            self._schedule(query.deadline, self._clock())

    def stop(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._lanes.clear()

    def _schedule(self, deadline: float, now: float) -> None:
        self._timer = self._loop.call_later(max(0.0, min(deadline - now, LATEST_WAKE_S)), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._clock()
        for lane in self._lanes.values():
            while lane:
                query = lane[0]
                if not query.answered:
                    if query.deadline > now:
                        break
                    self._expire(query, now)
                lane.popleft()
        heads = [lane[0].deadline for lane in self._lanes.values() if lane]
        if heads:
            self._schedule(min(heads), now)
