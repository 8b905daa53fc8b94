"""What a batch controller is: how many inputs the next batch of one replica may hold. Pure: no clock, no I/O.

A controller is told, after each batch, its size and the container's own compute time (never time spent queueing, which
made the original's estimator wrong), and is asked for the size of the next and for how long it will take.
"""

from typing import Protocol

PIPELINE_DEPTH = 2
"""Batches in flight to one replica: the second waits in its socket, so the container is never idle between two."""

LEAD_S = 0.002
"""The second batch is sent this long before the first is expected back, so that what arrives meanwhile travels with it.
Event loops wake up to a millisecond late by their timer's resolution, and busy ones about as much again."""

BATCH_OVERHEAD_S = 0.0005
"""What a batch costs beside its computation: messages, wake-ups, bookkeeping; measured on a model that does nothing."""

ANSWERING_SHARE = 0.1
"""Of an objective, kept for the network and for writing answers."""

BUDGET_SHARE = 0.6
"""Of the time for two batches in a row: half would let every query be in time whenever it arrives, a little more serves
more of them where they are too many anyway."""


UNTRIED = 4
"""Times the size that a controller allows, where it has hardly seen one half as large: what it will allow a few batches
later, if they go well. Better a few queries too many than to refuse what could be answered."""


class BatchController(Protocol):
    """Chooses batch sizes for one replica."""

    def limit(self, slack_s: float) -> int:
        """The largest size, at least 1, of a batch that is to be computed `slack_s` after the container takes it up."""

    def expected_s(self, size: int) -> float:
        """What a batch of that size takes, nearly always at most; 0 while unknown."""

    def typical_s(self, size: int) -> float:
        """What a batch of that size takes on average; 0 while unknown."""

    def least(self, size: int) -> int:
        """The smallest batch that is not much less efficient than one of that size."""

    def plan(self) -> tuple[int, float]:
        """(inputs, seconds) of a batch while more than enough is waiting, as far as can be told; 0 s while unknown."""

    def observe(self, size: int, compute_s: float) -> None:
        """A batch of `size` inputs took `compute_s` seconds in the container."""

    def retarget(self, objective_s: float) -> None:
        """From now on queries have this long, from their arrival to their answer."""


def cycle_s(objective_s: float) -> float:
    """The time in which two batches in a row must be computed: a query may arrive as one begins, and is in the next."""
    return max(0.0, objective_s * (1 - ANSWERING_SHARE) - LEAD_S)


def budget_s(objective_s: float) -> float:
    """How long one batch may compute where all that is known of the next is that it will be of the same size."""
    return BUDGET_SHARE * cycle_s(objective_s)
