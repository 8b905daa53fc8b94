"""When each request is due: a Poisson process whose rate may change in steps. Pure: randomness is passed in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Phase(NamedTuple):
    """So many requests per second for so long."""

    rate: float
    seconds: float


def poisson_arrivals(phases: Sequence[Phase], rng: np.random.Generator) -> NDArray[np.float64]:
    """Times in seconds from the start, ascending.

    Given how many arrivals a phase has, they are uniform in it: so each phase draws its count, then its times.
    """
    start = 0.0
    parts = []
    for phase in phases:
        count = rng.poisson(phase.rate * phase.seconds)
        parts.append(start + np.sort(rng.random(count)) * phase.seconds)
        start += phase.seconds
    return np.concatenate(parts) if parts else np.empty(0)
