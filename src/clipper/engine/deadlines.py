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


class Lane:
    """The watched queries of one latency objective, in the order of their deadlines."""

    __slots__ = ("_deadlines", "queries")

    def __init__(self, deadlines: "Deadlines") -> None:
        self._deadlines = deadlines
        self.queries: deque[PendingQuery] = deque()

    def watch(self, query: PendingQuery) -> None:
        """Wake this query at its deadline unless it is answered before."""
        queries = self.queries
        queries.append(query)
        if len(queries) == 1:  # behind others its deadline is later than theirs
            self._deadlines.wake_by(query.deadline)


class Deadlines:
    """Calls `expire(query, now)` for each watched query that is not answered by its deadline."""

    def __init__(self, expire: Callable[[PendingQuery, float], None], clock: Clock) -> None:
        self._expire = expire
        self._clock = clock
        self._lanes: dict[float, Lane] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = inf

    def __len__(self) -> int:
        return sum(len(lane.queries) for lane in self._lanes.values())

    def lane(self, slo_s: float) -> Lane:
        """Where the queries of that latency objective are watched."""
        return self._lanes.setdefault(slo_s, Lane(self))

    def wake_by(self, deadline: float) -> None:
        """Look at the lanes no later than that."""
        if deadline < self._wake_at:
            self._schedule(deadline)

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
        first = inf
        for lane in list(self._lanes.values()):
            first = min(first, self._release(lane.queries, now))
        self.wake_by(first)

    def _release(self, queries: deque[PendingQuery], now: float) -> float:
        """Drop from a lane's head what is answered, expire what should be; returns the next deadline, inf for none."""
        while queries:
            query = queries.popleft()
            if query.answered:
                continue
            if query.deadline > now:
                queries.appendleft(query)
                return query.deadline
            self._expire(query, now)
        return inf
