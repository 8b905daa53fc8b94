"""The newest queries of this frontend, so that feedback can be joined to what the models had said.

Bounded twice: in queries and in bytes of their inputs and outputs.
"""

from dataclasses import dataclass

from clipper.engine.query import PendingQuery

SEQUENCE_BITS = 33
"""Of a query id: 8.6 billion queries before an id repeats; above it, up to 2**53, the frontend's incarnation."""


@dataclass(frozen=True)
class JournalConfig:
    """Settings of the journal."""

    max_queries: int = 65_536
    """How far back feedback by query id may reach, for each frontend."""

    max_bytes: int = 64 * 1024 * 1024
    """Of their inputs; large images are forgotten earlier."""


class Journal:
    """Numbers the queries and remembers the newest of them."""

    def __init__(self, config: JournalConfig, incarnation: int) -> None:
        self._size = config.max_queries
        self._max_bytes = config.max_bytes
        self._first_id = incarnation << SEQUENCE_BITS
        self._ring: list[PendingQuery | None] = [None] * self._size
        self._newest = 0
        self._oldest = 0
        self._bytes = 0

    def next_id(self) -> int:
        """An id that no other query of this home has."""
        return self._first_id + self._newest

    def record(self, query: PendingQuery) -> None:
        """Remember a query whose id came from `next_id` just now."""
        self._bytes += len(query.input.payload)
        while self._oldest < self._newest and (self._is_full() or self._bytes > self._max_bytes):
            self._forget_oldest()
        self._ring[self._newest % self._size] = query
        self._newest += 1

    def find(self, query_id: int) -> PendingQuery | None:
        """The query of that id, unless it is too old or not from here."""
        place = query_id - self._first_id
        return self._ring[place % self._size] if self._oldest <= place < self._newest else None

    def _is_full(self) -> bool:
        return self._newest - self._oldest >= self._size

    def _forget_oldest(self) -> None:
        place = self._oldest % self._size
        oldest = self._ring[place]
        assert oldest is not None
        self._bytes -= len(oldest.input.payload)
        self._ring[place] = None
        self._oldest += 1
