"""The newest judged queries of one application in this frontend: evidence of what other policies would have earned.

Bounded twice: in queries, and in bytes of their inputs and outputs. Who wants to know takes them page by page, so that
queries wait for a page at most.
"""

from collections import deque
from itertools import islice
from typing import Final

from clipper.abstraction.model import SHED
from clipper.engine.query import PendingQuery
from clipper.selection.evidence.judged import Judged, Page, written
from clipper.selection.policy import Feedback, Selection

MAX_QUERIES: Final = 4096
"""Of one application: enough to tell policies apart that differ by two or three points."""

MAX_BYTES = 8 * 1024 * 1024

PAGE_QUERIES: Final = 64
PAGE_BYTES = 256 * 1024
"""Two tenths of a millisecond of work."""


class _Kept:
    __slots__ = ("feedback", "query", "selection", "size")

    def __init__(self, size: int, query: PendingQuery, feedback: Feedback, selection: Selection) -> None:
        self.size = size
        self.query = query
        self.feedback = feedback
        self.selection = selection


class Evidence:
    """Judged queries, numbered; the oldest are forgotten."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque()
        self._first = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, query: PendingQuery, feedback: Feedback, selection: Selection) -> None:
        """Remember a query whose feedback has been kept."""
        outputs = len(query.outcomes) + 1  # with the answer, which is mostly as long as they are
        size = len(query.input.payload) + len(query.output) * outputs
        self._kept.append(_Kept(size, query, feedback, selection))
        self._bytes += size
        if self._bytes > MAX_BYTES or len(self._kept) > MAX_QUERIES:
            self._forget_oldest()

    def page(self, start: int) -> bytes:
        """Encoded judged queries from number `start` on, or the oldest that are remembered; none at the end."""
        place = max(0, start - self._first)
        taken: list[Judged] = []
        weight = 0
        for kept in islice(self._kept, place, place + PAGE_QUERIES):
            taken.append(_judged(kept))
            weight += kept.size
            if weight > PAGE_BYTES:
                break
        return written(Page(next=self._first + place + len(taken), judged=taken))

    def _forget_oldest(self) -> None:
        while len(self._kept) > MAX_QUERIES or self._bytes > MAX_BYTES:
            self._bytes -= self._kept.popleft().size
            self._first += 1


def _judged(kept: _Kept) -> Judged:
    """With what has come after the answer left; without those that were selected but, under load, not asked: what they
    would have said is not known."""
    query, answer, selection = kept.query, kept.feedback.answer, kept.selection
    shed = {model for model, outcome in zip(selection.models, query.outcomes, strict=False) if outcome is SHED}
    outputs = query.outputs()
    asked = [place for place, model in enumerate(selection.models) if model not in shed]
    return Judged(
        int(query.input.dtype),
        query.input.shape,
        query.input.payload,
        query.context,
        kept.feedback.label,
        kept.feedback.reward,
        query.output,
        1.0 if answer is None else answer.propensity,
        tuple([selection.models[place] for place in asked]),
        tuple([selection.propensities[place] for place in asked]),
        tuple([outputs[place] for place in asked]),
    )
