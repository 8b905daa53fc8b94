"""The prediction cache: which completed evaluations stay, by S3-FIFO within a bound in bytes.

The evaluations themselves are found through their model version's own dictionary (whose keys are whole inputs,
compared in full), so that a lookup costs one probe whether the answer is cached, in flight or missing, and a hit is one
attribute set. This file only decides who has to go. Why S3-FIFO: decision 0013.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from mypy_extensions import i64

from clipper.abstraction.evaluation import Evaluation, Evaluations

ENTRY_OVERHEAD_BYTES: Final = 600
"""Measured with tracemalloc: an Evaluation, its Input, list, dictionary slot, its place in a queue and its share of
what is remembered of the evicted, without the payloads."""

NEW_SHARE: Final = 10
"""One in so many entries is on trial: what is used there is kept, what is not goes without having harmed the others."""

GHOST_SLOTS: Final = 1024
"""At first, of a byte; there are always more than there are entries, and at most twice as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """Settings of the prediction cache."""

    max_bytes: int = 64 * 1024 * 1024
    """Inputs, outputs and bookkeeping together, for each query frontend; 0 turns the cache off."""

    approximate_max_bytes: int = 16 * 1024 * 1024
    """The same of the inputs that similar ones are compared with, for each model version that an application with a
    `max_disagreement` uses."""


class PredictionCache:
    """A bound in bytes shared by all model versions of one query frontend.

    S3-FIFO: what is new goes through a small queue and only gets into the large one if it is used meanwhile, or comes
    again soon after it has left; in the large queue whatever was used gets another round. So a scan passes through the
    small queue alone. The evicted are remembered by their hash, in a table in which a later one may take the place of
    an earlier one; one taken for another, as one in 128 is, does no harm but that it is spared the trial.
    """

    def __init__(self, config: CacheConfig) -> None:
        self._max_bytes = config.max_bytes
        self._new: deque[Evaluation] = deque()
        self._proven: deque[Evaluation] = deque()
        self._ghosts = bytearray(GHOST_SLOTS)
        self._mask: i64 = GHOST_SLOTS - 1
        self.used_bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._new) + len(self._proven)

    def admit(self, evaluation: Evaluation, output: bytes) -> None:
        """Keep a completed evaluation, or drop it from its owner if it could never fit."""
        asked = evaluation.input
        cost = ENTRY_OVERHEAD_BYTES + len(asked.payload) + len(output)
        if cost > self._max_bytes:
            evaluation.owner.pop(asked.key, None)
            return
        evaluation.cost = cost
        digest: i64 = hash(asked.key)
        evaluation.digest = digest
        if self._ghosts[digest & self._mask] == ghost_tag(digest):
            self._proven.append(evaluation)
        else:
            self._new.append(evaluation)
        used = self.used_bytes = self.used_bytes + cost
        if used > self._max_bytes:
            self._evict()

    def renew(self, evaluation: Evaluation, output: bytes) -> None:
        """Give one that is kept a newer output."""
        assert evaluation.output is not None
        growth = len(output) - len(evaluation.output)
        evaluation.output = output
        evaluation.cost += growth
        self.used_bytes += growth
        if self.used_bytes > self._max_bytes:
            self._evict()

    def forget(self, owner: Evaluations) -> None:
        """Drop everything of a model version that no longer exists."""
        self._new = deque(each for each in self._new if each.owner is not owner)
        self._proven = deque(each for each in self._proven if each.owner is not owner)
        self.used_bytes = sum(each.cost for queue in (self._new, self._proven) for each in queue)
        owner.clear()

    def _evict(self) -> None:
        """Remove entries until the others fit: on trial, if these have more than their share, else proven ones."""
        new, proven = self._new, self._proven
        used, max_bytes = self.used_bytes, self._max_bytes
        count = len(new) + len(proven)
        while used > max_bytes:
            on_trial = len(new) * NEW_SHARE >= count
            evaluation = new.popleft() if on_trial else proven.popleft()
            if evaluation.visited:
                evaluation.visited = False
                proven.append(evaluation)
                continue
            del evaluation.owner[evaluation.input.key]
            used -= evaluation.cost
            count -= 1
            self.evictions += 1
            if on_trial:
                digest = evaluation.digest
                self._ghosts[digest & self._mask] = ghost_tag(digest)
        self.used_bytes = used
        if count > self._mask:
            self._make_room_for_ghosts()

    def _make_room_for_ghosts(self) -> None:
        """Twice as many, starting with none: this happens a few times in a frontend's life."""
        slots = 2 * len(self._ghosts)
        self._ghosts = bytearray(slots)
        self._mask = slots - 1


def ghost_tag(digest: i64) -> i64:
    """What stands in the place of an evicted entry's hash: seven of its bits, never 0 as where nothing was evicted."""
    return digest >> 56 & 255 | 1
