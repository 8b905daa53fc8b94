"""The newest queries of this frontend, so that feedback can be joined to what the models had said.

Bounded twice: in queries and in bytes of their inputs and outputs.
"""

from dataclasses import dataclass
from typing import Final

from clipper.engine.query import PendingQuery

SEQUENCE_BITS: Final = 33
"""Of a query id: 8.6 billion queries before an id repeats; above it, up to 2**53, the frontend's incarnation."""


SEGMENT: Final = 128
"""Queries that are weighed, and forgotten, at a time: a tenth of a millisecond of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """Settings of the journal."""

    max_queries: int = 65_536
    """How far back feedback by query id may reach, for each frontend."""

    max_bytes: int = 64 * 1024 * 1024
    """Of their inputs and outputs; large ones are forgotten earlier."""


class Journal:
    """Numbers the queries and remembers the newest of them.

    They lie in segments that are weighed when they are full and forgotten whole, so that recording one is an append.
    """

    def __init__(self, config: JournalConfig, incarnation: int) -> None:
        self._max_segments = max(2, config.max_queries // SEGMENT)
        self._max_bytes = config.max_bytes
        self._first_id = incarnation << SEQUENCE_BITS
        self._next_id = self._first_id
        self._filling: list[PendingQuery | None] = []
        self._segments = {0: self._filling}
        self._weights: dict[int, int] = {}
        self._number = 0
        self._weight = 0
        self._bytes = 0

    def record(self, query: PendingQuery) -> None:
        """Give a query an id that no other of this home has, and remember it."""
        query.query_id = self._next_id
        self._next_id += 1
        self._filling.append(query)
        self._weight += len(query.input.payload)
        if len(self._filling) == SEGMENT:
            self._begin_segment()
        if self._bytes + self._weight > self._max_bytes:
            self._forget_heavy(query)

    def find(self, query_id: int) -> PendingQuery | None:
        """The query of that id, unless it is too old or not from here."""
        if not self._first_id <= query_id < self._next_id:
            return None
        number, place = divmod(query_id - self._first_id, SEGMENT)
        segment = self._segments.get(number)
        return None if segment is None else segment[place]

    def _begin_segment(self) -> None:
        """Weigh the full one, with the outputs of those that are answered by now; forget the oldest."""
        outputs = sum([len(query.output) * len(query.outcomes) for query in self._filling if query is not None])
        self._weights[self._number] = self._weight + outputs
        self._bytes += self._weight + outputs
        self._weight = 0
        self._number += 1
        self._filling = self._segments[self._number] = []
        if len(self._segments) > self._max_segments:
            self._forget_oldest()

    def _forget_heavy(self, newest: PendingQuery) -> None:
        while self._weights and self._bytes + self._weight > self._max_bytes:
            self._forget_oldest()
        if self._weight > self._max_bytes:  # all in the segment that is being filled: at most the newest can stay
            size = len(newest.input.payload)
            fits = size <= self._max_bytes
            self._filling[:] = [*[None] * (len(self._filling) - 1), newest if fits else None]
            self._weight = size if fits else 0

    def _forget_oldest(self) -> None:
        number = self._number - len(self._weights)
        del self._segments[number]
        self._bytes -= self._weights.pop(number)
