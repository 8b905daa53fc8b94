"""Load shedding around an ensemble: under load only as many members are asked, best first, as can answer in time.

Each member's queue promises when a query that joins it now would be answered. The best member that makes the deadline
is always asked; others only while their queues are short, the lower ranked the shorter, so that these are the first to
be left out. Accuracy then falls by and by, and availability does not.
"""

from math import inf
from typing import Final

from clipper.abstraction.model import ServedModel
from clipper.abstraction.terms import Terms
from clipper.core.inputs import Input

RESERVE_SHARE: Final = 0.15
"""Of the time left: what the one member that is relied on must be expected to keep, since queues promise roughly."""

EXTRA_SHARE: Final = 0.85
LAST_SHARE: Final = 0.6
"""Of the time left: how soon the second best, and the last, of the other members must be expected to answer."""


def has_load(models: list[ServedModel]) -> bool:
    """Whether any of them has so much to do that one has to look closer."""
    for model in models:  # noqa: SIM110 - `any` with a generator costs three times as much
        if model.has_load:
            return True
    return False


def expected_at(models: list[ServedModel], asked: Input, now: float, terms: Terms) -> list[float]:
    """When each would answer, as `ServedModel.expected_at` says."""
    return [model.expected_at(asked, now, terms) for model in models]


def worth_asking(expected_at: list[float], ranking: list[int], deadline: float, now: float) -> list[bool]:
    """Which members to ask, by when each would answer; `ranking` has their places, best first. At least one is."""
    left_s = deadline - now
    reliable_at = deadline - RESERVE_SHARE * left_s
    step = (EXTRA_SHARE - LAST_SHARE) / max(1, len(expected_at) - 1)
    chosen = [False] * len(expected_at)
    relied_on = False
    soonest = inf
    first = ranking[0]
    for rank, place in enumerate(ranking):
        expected = expected_at[place]
        if expected == -inf:  # it costs nothing, or nobody knows: then nobody relies on it either
            chosen[place] = True
        elif not relied_on and expected <= reliable_at:
            chosen[place] = relied_on = True
        elif expected <= now + (EXTRA_SHARE - rank * step) * left_s:
            chosen[place] = True
        elif expected < soonest:
            soonest, first = expected, place
    if not relied_on:
        chosen[first] = True
    return chosen
