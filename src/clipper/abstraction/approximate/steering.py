"""How near is near enough: the distance is steered by what the model says of a sample of the inputs."""

from math import ceil, inf, sqrt
from random import Random

import numpy as np
from numpy.typing import NDArray

SAMPLED_SHARE = 0.1
"""Of the lookups, once there is a threshold; before, all of them tell something and cost nothing."""

CONFIDENCE_Z = 2.33
"""A threshold is taken if, with 99 % confidence, answers inside it disagree no more often than they may. With none that
does, this takes 270 samples for 2 %."""

SAMPLES_PER_DISAGREEMENT = 40
"""So many allowed disagreements fit into the window of the newest samples."""

MAX_WINDOW = 40_000
"""Samples, 17 bytes each. For less than 0.1 % disagreement more would be needed: there the cache may never open."""

RESTEER_SHARE = 32
"""The threshold is set anew when so much of the window has changed, one in so many."""

RECENT = 128
"""Answers whose disagreements, if there are more than chance allows, show that what was learned holds no longer."""


class Steering:
    """A sample is a lookup whose input the model was asked too, drawn with the same probability wherever it fell.

    Attributes:
        threshold: an answer is taken from the nearest input if that is no farther, and none with another output is
            either. 0 as long as nothing is known.
        sampled: answers so taken that the model was asked about too.
        disagreements: those of them to which the model said something else.
    """

    def __init__(self, max_disagreement: float, rng: Random) -> None:
        self.threshold = 0.0
        self.sampled = 0
        self.disagreements = 0
        self.max_disagreement = max_disagreement
        self.window = min(MAX_WINDOW, ceil(SAMPLES_PER_DISAGREEMENT / max_disagreement))
        self._rng = rng
        self._distances = np.empty(self.window)
        self._rivals = np.empty(self.window)
        self._disagreed = np.empty(self.window, np.bool_)
        self._seen = 0
        self._recent: list[bool] = []

    def wants_sample(self) -> bool:
        """Whether the input of the lookup that is being made should be sampled."""
        return self.threshold <= 0.0 or self._rng.random() < SAMPLED_SHARE

    def accepts(self, distance: float, rival: float) -> bool:
        """Whether the nearest input's output is good enough: `rival` is where the nearest other output is."""
        return distance <= self.threshold < rival

    def observe(self, distance: float, rival: float, disagreed: bool) -> None:
        """What the model said of one sample: the same as the nearest input's output, or something else."""
        place = self._seen % self.window
        self._distances[place] = distance
        self._rivals[place] = rival
        self._disagreed[place] = disagreed
        self._seen += 1
        if self.accepts(distance, rival):
            self.sampled += 1
            self.disagreements += disagreed
            self._recent.append(disagreed)
            if self._is_alarming():
                self._forget()
                return
        if self._seen % (self.window // RESTEER_SHARE) == 0:
            self._steer()

    def _is_alarming(self) -> bool:
        expected = len(self._recent) * self.max_disagreement
        alarming = sum(self._recent) > expected + 3 * sqrt(expected) + 1
        if len(self._recent) == RECENT:
            self._recent.clear()
        return alarming

    def _forget(self) -> None:
        self.threshold = 0.0
        self._seen = 0
        self._recent.clear()

    def _steer(self) -> None:
        """Of the thresholds whose upper confidence bound is low enough, take that which takes most of the samples."""
        count = min(self._seen, self.window)
        near = self._distances[:count] < inf
        distances, rivals = self._distances[:count][near], self._rivals[:count][near]
        wrong = self._disagreed[:count][near].astype(np.float64)
        at = np.concatenate((distances, rivals))  # a sample is taken by thresholds from its distance to below its rival
        order = at.argsort(kind="stable")
        at = at[order]
        taken = np.concatenate((np.ones(len(distances)), -np.ones(len(distances))))[order].cumsum()
        disagreed = np.concatenate((wrong, -wrong))[order].cumsum()
        possible = (np.append(at[1:], inf) > at) & (taken > 0)
        at, taken, disagreed = at[possible], taken[possible], disagreed[possible]
        fits = _upper_bound(disagreed, taken) <= self.max_disagreement
        self.threshold = float(at[np.where(fits, taken, 0).argmax()]) if fits.any() else 0.0


def _upper_bound(wrong: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wilson's, of the share of which `wrong` of `count` is a sample."""
    z2 = CONFIDENCE_Z**2
    share = wrong / count
    spread = CONFIDENCE_Z * np.sqrt((share * (1 - share) + z2 / (4 * count)) / count)
    bound: NDArray[np.float64] = (share + z2 / (2 * count) + spread) / (1 + z2 / count)
    return bound
