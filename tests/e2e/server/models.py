"""Models that the servers of these tests run."""

from typing import Any


def add_up(inputs: Any) -> list[float]:
    return [float(sum(each)) for each in inputs]


def negate(inputs: Any) -> list[float]:
    return [-float(sum(each)) for each in inputs]


def add_up_slowly(inputs: Any) -> list[float]:
    import time

    time.sleep(0.3)
    return add_up(inputs)
