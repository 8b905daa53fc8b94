"""When each query is due. Pure: randomness is passed in."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipper.core.errors import invalid

Times = NDArray[np.float64]

POISSON, CONSTANT, CLOSED = "poisson", "constant", "closed"
MAX_QUERIES = 20_000_000
"""Of one run: half a gigabyte of times."""


class Rate(NamedTuple):
    """How queries arrive.

    Attributes:
        kind: "poisson" (at random), "constant" (evenly) or "closed" (each connection asks again when it is answered).
        number: queries per second; of "closed", connections.
    """

    kind: str
    number: float


def parse_rate(text: str) -> Rate:
    """`poisson:500`, `constant:500`, `closed:64`, or a number alone, which is "poisson". Raises INVALID_ARGUMENT."""
    kind, colon, number = text.rpartition(":")
    kind = kind if colon else POISSON
    try:
        rate = Rate(kind, float(number))
    except ValueError:
        rate = Rate("", 0.0)
    if rate.kind not in {POISSON, CONSTANT, CLOSED} or not 0 < rate.number < float("inf"):
        raise invalid(f"Invalid --rate {text!r}: expected poisson:N or constant:N (per second), or closed:CONNECTIONS")
    return rate


def arrivals(rate: Rate, seconds: float, rng: np.random.Generator) -> Times:
    """Times in seconds from the start, ascending, of an open loop. Raises INVALID_ARGUMENT if they are too many."""
    refuse_too_many(rate.number * seconds)
    if rate.kind == CONSTANT:
        return np.arange(round(rate.number * seconds)) / rate.number
    return np.sort(rng.random(rng.poisson(rate.number * seconds))) * seconds  # uniform, given how many there are


def refuse_too_many(queries: float) -> None:
    """Raises INVALID_ARGUMENT for more than a run can have."""
    if queries > MAX_QUERIES:
        raise invalid(f"Invalid --duration: {queries:,.0f} queries in one run; expected at most {MAX_QUERIES:,}")
