"""When a split of the traffic may end: a sequential test that may be looked at after every feedback.

The mean reward of each side gets a confidence sequence: an interval that holds the truth at all times at once with the
stated probability, so that stopping at the first moment that pleases is no cheating. A candidate is promoted once it is
certainly not worse than the current model by more than a margin, and rolled back once it is certainly worse by more.
"""

from enum import StrEnum
from math import log, sqrt
from typing import NamedTuple


class Verdict(StrEnum):
    """What the evidence says so far."""

    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    UNDECIDED = "undecided"


class Tally(NamedTuple):
    """Rewards of one side so far: their sum, each from 0 to 1, and their number."""

    earned: float
    seen: float

    @property
    def mean(self) -> float:
        """The mean reward; 0.5 before any."""
        return self.earned / self.seen if self.seen else 0.5


class Judgement(NamedTuple):
    """A verdict, and the interval of (candidate's − current one's) mean reward that holds at all times at once."""

    verdict: Verdict
    low: float
    high: float


TIGHT_AT = 500.0
"""The number of feedbacks at which the intervals are tightest compared with those of a test of fixed length."""


def judged(current: Tally, candidate: Tally, error: float = 0.05, margin: float = 0.0, least: int = 30) -> Judgement:
    """The verdict on a candidate.

    Args:
        current: the side that is to be replaced.
        candidate: the side that is to replace it.
        error: the probability with which any verdict, ever, may be wrong.
        margin: by how much less than the current model's the candidate's mean reward may be.
        least: feedbacks that each side must have before there is a verdict.
    """
    reach = radius(current.seen, error / 2.0) + radius(candidate.seen, error / 2.0)
    difference = candidate.mean - current.mean
    low, high = max(-1.0, difference - reach), min(1.0, difference + reach)
    if min(current.seen, candidate.seen) < least:
        return Judgement(Verdict.UNDECIDED, low, high)
    if low > -margin:
        return Judgement(Verdict.PROMOTE, low, high)
    return Judgement(Verdict.ROLL_BACK if high < -margin else Verdict.UNDECIDED, low, high)


def radius(count: float, error: float) -> float:
    """Half the width of the interval around the mean of `count` rewards from 0 to 1 that fails, ever, with `error`.

    Rewards in [0, 1] are sub-Gaussian with variance 1/4; the two-sided normal mixture (Robbins 1970) gives the bound.
    """
    if count <= 0.0:
        return 1.0
    scaled = count / 4.0
    tuning = TIGHT_AT / 4.0 / _optimal(error)
    return min(1.0, sqrt((scaled + tuning) * (2.0 * log(1.0 / error) + log((scaled + tuning) / tuning))) / count)


def _optimal(error: float) -> float:
    """The ratio of `TIGHT_AT` to the mixture's parameter at which the bound is tightest there (Howard et al. 2021)."""
    doubt = 2.0 * log(1.0 / error)
    return doubt + log(1.0 + doubt)
