"""The newest judged queries of one application in this frontend: evidence of what other policies would have earned.

Bounded twice: in queries, and in bytes of their inputs and outputs. Who wants to know takes them page by page, so that
queries wait for a page at most.
"""

from collections import deque
from typing import Final

import msgspec

from clipper.engine.query import PendingQuery
from clipper.selection.evidence.judged import Judged
from clipper.selection.policy import Feedback, Outputs, Selection

MAX_QUERIES: Final = 4096
"""Of one application: enough to tell policies apart that differ by two or three points."""

MAX_BYTES: Final = 8 * 1024 * 1024

PAGE_QUERIES: Final = 256
PAGE_BYTES: Final = 256 * 1024
"""A tenth of a millisecond of encoding."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some judged queries in order, and where the next ones begin."""

    next: int
    judged: list[Judged]


class Evidence:
    """Judged queries, numbered; the oldest are forgotten."""

    def __init__(self) -> None:
        self._judged: deque[Judged] = deque()
        self._first = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._judged)

    def add(self, query: PendingQuery, feedback: Feedback, selection: Selection, outputs: Outputs) -> None:
        """Remember a query whose feedback has been kept."""
        answer = feedback.answer
        judged = Judged(
            int(query.input.dtype),
            query.input.shape,
            query.input.payload,
            query.context,
            feedback.label,
            feedback.reward,
            query.output,
            1.0 if answer is None else answer.propensity,
            selection.models,
            selection.propensities,
            tuple(outputs),
        )
        self._judged.append(judged)
        self._bytes += judged.size
        while len(self._judged) > MAX_QUERIES or self._bytes > MAX_BYTES:
            self._bytes -= self._judged.popleft().size
            self._first += 1

    def page(self, start: int) -> bytes:
        """Encoded judged queries from number `start` on, or the oldest that are remembered; none at the end."""
        place = max(0, start - self._first)
        taken: list[Judged] = []
        weight = 0
        while place + len(taken) < len(self._judged) and len(taken) < PAGE_QUERIES and weight < PAGE_BYTES:
            taken.append(self._judged[place + len(taken)])
            weight += taken[-1].size
        return msgspec.msgpack.encode(Page(next=self._first + place + len(taken), judged=taken))


def read_page(encoded: bytes) -> Page:
    """What `Evidence.page` has written. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(encoded, type=Page)
