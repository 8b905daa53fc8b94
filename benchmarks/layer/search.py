"""The highest load that still holds an objective: a bounded bisection. Pure."""

from collections.abc import Callable


def highest_rate(holds: Callable[[float], bool], guess: float, steps: int) -> float:
    """The highest rate tried at which `holds`, or 0.0; each of at most `steps` tries costs a measurement.

    `guess` is tried first. While all hold, the next is a quarter higher; while none does, half as high; then the middle
    of what holds and what does not.
    """
    low, high, rate = 0.0, float("inf"), guess
    for _ in range(steps):
        if holds(rate):
            low = rate
        else:
            high = rate
        if high == float("inf"):
            rate = low * 1.25
        elif low == 0.0:
            rate = high / 2
        else:
            rate = (low + high) / 2
    return low
