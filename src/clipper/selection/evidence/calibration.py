"""Confidence that means what it says, learned from feedback: of answers given with 0.9, nine in ten turn out right.

Stated confidences fall into bins; each counts how often its answers were right, starting from the belief that what was
stated is true. Bins are then pooled where they contradict the order (isotonic regression), so that a higher stated
confidence never means a lower learned one.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from clipper.selection.policy import Answer, Feedback, Item, Outputs, Policy, Query, Ranked, Selection, State
from clipper.selection.rewards import value_of

BINS = 21
"""One for each twentieth, around it: 0 and 1, which agreement states often, have their own."""

BELIEF = 4.0
"""How many feedbacks it is worth that a confidence was stated: enough for a start, soon outweighed."""

MEMORY = 2000.0
"""Feedbacks a bin remembers, so that it follows models that change."""


def learned(bins: Sequence[Sequence[float]], stated: float, right: float) -> list[list[float]]:
    """The bins [right, seen] after one more answer, which was right or not (or partly)."""
    place = _bin(stated)
    after = [list(each) for each in bins]
    fading = min(1.0, MEMORY / (after[place][1] + 1.0))
    after[place] = [(after[place][0] + right) * fading, (after[place][1] + 1.0) * fading]
    return after


def calibrated(bins: Sequence[Sequence[float]], stated: float) -> float:
    """What a stated confidence has turned out to mean."""
    return isotonic([(right + BELIEF * _centre(place), seen + BELIEF) for place, (right, seen) in enumerate(bins)])[
        _bin(stated)
    ]


def isotonic(tallies: Sequence[tuple[float, float]]) -> list[float]:
    """The non-decreasing shares that fit (right, seen) tallies best: neighbours out of order are pooled."""
    pools: list[tuple[float, float, int]] = []
    for right, seen in tallies:
        pool = (right, seen, 1)
        while pools and pools[-1][0] * pool[1] > pool[0] * pools[-1][1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    return [right / seen for right, seen, size in pools for _ in range(size)]


class Calibrated(Policy):
    """Another policy, with its confidence calibrated: `"calibrated": true` in the settings of any."""

    def __init__(self, policy: Policy, scale: float) -> None:
        self._policy = policy
        self._scale = scale
        self.verbatim = policy.verbatim
        self.in_stages = policy.in_stages
        self.is_ensemble = policy.is_ensemble
        self.ranks_items = policy.ranks_items

    def init(self, models: tuple[str, ...]) -> State:
        """The policy's own state, and empty bins."""
        return {"policy": self._policy.init(models), "bins": [[0.0, 0.0] for _ in range(BINS)]}

    def start(self, population: State) -> State:
        """What confidence means is the same for all until it is learned otherwise."""
        return {**population, "policy": self._policy.start(population["policy"])}

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """As the policy does."""
        return self._policy.select(state["policy"], models, x, rng)

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """As the policy does, with what its confidence means."""
        answer = self._policy.combine(state["policy"], x, selection, outputs)
        if answer is None:
            return None
        return answer._replace(confidence=calibrated(state["bins"], answer.confidence), stated=answer.confidence)

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Compares what was answered (else what would be now) with what is known, then lets the policy learn."""
        after: dict[str, Any] = {
            "policy": self._policy.observe(state["policy"], x, feedback, selection, outputs),
            "bins": state["bins"],
        }
        answer = feedback.answer
        stated = None if answer is None else answer.stated
        if stated is None:
            answer = self._policy.combine(state["policy"], x, selection, outputs)
            stated = None if answer is None else answer.confidence
        right = None if answer is None else value_of(feedback, answer, self._scale)
        if stated is not None and right is not None:
            after["bins"] = learned(state["bins"], stated, right)
        return after

    def is_decided(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> bool:
        """As the policy says."""
        return self._policy.is_decided(state["policy"], x, selection, outputs)

    def quorum(self, state: State, models: tuple[str, ...]) -> int:
        """As the policy says."""
        return self._policy.quorum(state["policy"], models)

    def further(
        self, state: State, models: tuple[str, ...], x: Query, selection: Selection, outputs: Outputs
    ) -> tuple[str, ...]:
        """As the policy says."""
        return self._policy.further(state["policy"], models, x, selection, outputs)

    def rank_items(self, state: State, items: Sequence[Item], rng: Random) -> list[Ranked]:
        """As the policy does."""
        return self._policy.rank_items(state["policy"], items, rng)

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """The policy's."""
        return self._policy.weights(state["policy"], models)

    def ranked(self, state: State, models: tuple[str, ...]) -> list[str]:
        """The policy's."""
        return self._policy.ranked(state["policy"], models)


def _bin(stated: float) -> int:
    return round(min(1.0, max(0.0, stated)) * (BINS - 1))


def _centre(place: int) -> float:
    return place / (BINS - 1)
