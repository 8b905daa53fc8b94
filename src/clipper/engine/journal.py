"""The newest queries of this frontend, so that feedback can be joined to what the models had said.

Bounded twice: in queries and in bytes of their inputs and outputs.
"""

from collections import deque
from dataclasses import dataclass

from clipper.engine.query import PendingQuery

SEQUENCE_BITS = 33
"""Of a query id: 8.6 billion queries before an id repeats; above it, up to 2**53, the frontend's incarnation."""


SEGMENT = 1024
"""Queries that are weighed, and forgotten, at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """Settings of the journal."""

    max_queries: int = 65_536
    """How far back feedback by query id may reach, for each frontend."""

    max_bytes: int = 64 * 1024 * 1024
    """Of their inputs and outputs; large ones are forgotten earlier."""


class Journal:
    """Numbers the queries and remembers the newest of them.

    The ring is accounted for in segments, so that recording one query is a store and two additions.
    """

    def __init__(self, config: JournalConfig, incarnation: int) -> None:
        self._size = max(config.max_queries, 2 * SEGMENT)
        self._max_bytes = config.max_bytes
        self._segment_max_bytes = config.max_bytes // 16
        self._first_id = incarnation << SEQUENCE_BITS
        self._ring: list[PendingQuery | None] = [None] * self._size
        self._segments: deque[tuple[int, int]] = deque()
        self._newest = 0
        self._oldest = 0
        self._weight = 0
        self._bytes = 0

    def record(self, query: PendingQuery) -> None:
        """Give a query an id that no other of this home has, and remember it."""
        newest = self._newest
        query.query_id = self._first_id + newest
        self._ring[newest % self._size] = query
        self._newest = newest + 1
        self._weight += len(query.input.payload)
        if not newest % SEGMENT or self._weight > self._segment_max_bytes:
            self._end_segment()

    def find(self, query_id: int) -> PendingQuery | None:
        """The query of that id, unless it is too old or not from here."""
        place = query_id - self._first_id
        return self._ring[place % self._size] if self._oldest <= place < self._newest else None

    def _end_segment(self) -> None:
        """Note what the newest queries weigh, and forget the oldest segments that are over a bound.

        Most of them are answered by now, so their outputs can be weighed too.
        """
        start = self._segments[-1][0] if self._segments else self._oldest
        newest = (self._ring[place % self._size] for place in range(start, self._newest))
        weight = self._weight + sum(len(query.output) * len(query.outcomes) for query in newest if query is not None)
        self._segments.append((self._newest, weight))
        self._bytes += weight
        self._weight = 0
        while self._bytes > self._max_bytes or self._newest - self._oldest > self._size - SEGMENT:
            end, weight = self._segments.popleft()
            self._bytes -= weight
            for place in range(self._oldest, end):
                self._ring[place % self._size] = None
            self._oldest = end
