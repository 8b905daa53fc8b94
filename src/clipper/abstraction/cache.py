"""The prediction cache: which completed evaluations stay, by CLOCK (paper §4.2) within a bound in bytes.

The evaluations themselves are found through their model version's own dictionary (whose keys are whole inputs,
compared in full), so that a lookup costs one probe whether the answer is cached, in flight or missing. This file only
decides who has to go.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from clipper.abstraction.evaluation import Evaluation

Evaluations: TypeAlias = dict[Hashable, Evaluation]
"""One model version's evaluations, cached and in flight, by the input's key."""

ENTRY_OVERHEAD_BYTES = 600
"""Measured with tracemalloc: an Evaluation, its Input, list, dictionary slot and ring slot, without the payloads."""


@dataclass(frozen=True)
class CacheConfig:
    """Settings of the prediction cache."""

    max_bytes: int = 64 * 1024 * 1024
    """Inputs, outputs and bookkeeping together, for each query frontend; 0 turns the cache off."""


class ClockCache:
    """A bound in bytes shared by all model versions of one query frontend."""

    def __init__(self, config: CacheConfig) -> None:
        self._max_bytes = config.max_bytes
        self._ring: list[tuple[Evaluations, Evaluation] | None] = []
        self._hand = 0
        self._free: list[int] = []
        self.used_bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._ring) - len(self._free)

    def admit(self, owner: Evaluations, evaluation: Evaluation, output: bytes) -> None:
        """Keep a completed evaluation of `owner`, or drop it from there if it could never fit."""
        cost = ENTRY_OVERHEAD_BYTES + len(evaluation.input.payload) + len(output)
        if cost > self._max_bytes:
            owner.pop(evaluation.input.key, None)
            return
        evaluation.cost = cost
        self.used_bytes += cost
        while self.used_bytes > self._max_bytes:
            self._evict_one()
        entry = (owner, evaluation)
        if self._free:
            self._ring[self._free.pop()] = entry
        else:
            self._ring.append(entry)

    def forget(self, owner: Evaluations) -> None:
        """Drop everything of a model version that no longer exists."""
        for slot, entry in enumerate(self._ring):
            if entry is not None and entry[0] is owner:
                self._release(slot, entry[1])
        owner.clear()

    def _evict_one(self) -> None:
        while True:
            if self._hand >= len(self._ring):
                self._hand = 0
            slot = self._hand
            self._hand += 1
            entry = self._ring[slot]
            if entry is None:
                continue
            owner, evaluation = entry
            if evaluation.visited:
                evaluation.visited = False
                continue
            del owner[evaluation.input.key]
            self._release(slot, evaluation)
            self.evictions += 1
            return

    def _release(self, slot: int, evaluation: Evaluation) -> None:
        self._ring[slot] = None
        self._free.append(slot)
        self.used_bytes -= evaluation.cost
