"""The prediction cache: which completed evaluations stay, by CLOCK (paper §4.2) within a bound in bytes.

The evaluations themselves are found through their model version's own dictionary (whose keys are whole inputs,
compared in full), so that a lookup costs one probe whether the answer is cached, in flight or missing. This file only
decides who has to go.
"""

from dataclasses import dataclass

from clipper.abstraction.evaluation import Evaluation, Evaluations

ENTRY_OVERHEAD_BYTES = 600
"""Measured with tracemalloc: an Evaluation, its Input, list, dictionary slot and ring slot, without the payloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """Settings of the prediction cache."""

    max_bytes: int = 64 * 1024 * 1024
    """Inputs, outputs and bookkeeping together, for each query frontend; 0 turns the cache off."""


class ClockCache:
    """A bound in bytes shared by all model versions of one query frontend.

    CLOCK: the hand goes round a ring of entries, spares those that were used since it last came by, and replaces the
    first that was not.
    """

    def __init__(self, config: CacheConfig) -> None:
        self._max_bytes = config.max_bytes
        self._ring: list[Evaluation] = []
        self._hand = 0
        self.used_bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._ring)

    def admit(self, evaluation: Evaluation, output: bytes) -> None:
        """Keep a completed evaluation, or drop it from its owner if it could never fit."""
        cost = ENTRY_OVERHEAD_BYTES + len(evaluation.input.payload) + len(output)
        if cost > self._max_bytes:
            evaluation.owner.pop(evaluation.input.key, None)
            return
        evaluation.cost = cost
        self.used_bytes += cost
        if self.used_bytes <= self._max_bytes:
            self._ring.append(evaluation)
            return
        self._replace(evaluation)
        while self.used_bytes > self._max_bytes:
            self._remove()

    def forget(self, owner: Evaluations) -> None:
        """Drop everything of a model version that no longer exists."""
        self._ring = [each for each in self._ring if each.owner is not owner]
        self.used_bytes = sum(each.cost for each in self._ring)
        self._hand = 0
        owner.clear()

    def _replace(self, evaluation: Evaluation) -> None:
        """Put it where the next to go is: nearly always right under the hand."""
        ring = self._ring
        hand = self._hand
        if hand >= len(ring) or ring[hand].visited:
            hand = self._advance()
        victim = ring[hand]
        del victim.owner[victim.input.key]
        self.used_bytes -= victim.cost
        self.evictions += 1
        ring[hand] = evaluation
        self._hand = hand + 1

    def _remove(self) -> None:
        place = self._advance()
        victim = self._ring[place]
        del victim.owner[victim.input.key]
        self.used_bytes -= victim.cost
        self.evictions += 1
        last = self._ring.pop()
        if place < len(self._ring):
            self._ring[place] = last

    def _advance(self) -> int:
        """The place of the next entry to go."""
        ring = self._ring
        hand = self._hand if self._hand < len(ring) else 0
        while ring[hand].visited:
            ring[hand].visited = False
            hand += 1
            if hand == len(ring):
                hand = 0
        self._hand = hand
        return hand
