"""Exponential weights, kept as logarithms: what Exp3, Exp4 and Hedge have in common.

The greatest logarithm is 0, so that any number of updates stays within floating point.
"""

from collections.abc import Mapping, Sequence
from math import exp, log

SMALLEST_LOG = -60.0
"""Of a weight: far below anything that is ever chosen, and still a number to calculate with."""

SMALLEST_WEIGHT = exp(SMALLEST_LOG)

START_LOG = -3.0
"""The least that a new context thinks of a model: what all others have learned can be unlearned soon."""


def weights_of(logs: Mapping[str, float], models: Sequence[str]) -> list[float]:
    """Positive shares of 1. A model without a weight gets the mean of all weights."""
    weights = [exp(logs[model]) if model in logs else exp(entry(logs)) for model in models]
    total = sum(weights)
    return [weight / total for weight in weights]


def entry(logs: Mapping[str, float]) -> float:
    """What a model that has no weight yet comes in with: the logarithm of the mean weight."""
    return log(sum(map(exp, logs.values())) / len(logs)) if logs else 0.0


def shifted(logs: Mapping[str, float], changes: Mapping[str, float]) -> dict[str, float]:
    """The logarithms after a change to some of them, the greatest being 0 again."""
    moved = dict(logs)
    for model, change in changes.items():
        before = moved.get(model)
        moved[model] = (entry(logs) if before is None else before) + change
    top = max(moved.values(), default=0.0)
    return {model: max(SMALLEST_LOG, value - top) for model, value in moved.items()}


def levelled(logs: Mapping[str, float]) -> dict[str, float]:
    """What a new context starts from."""
    return {model: max(START_LOG, value) for model, value in logs.items()}


def logarithms(weights: Mapping[str, float]) -> dict[str, float]:
    """Of weights of which at least one is positive, the greatest being 0."""
    top = max(weights.values())
    return {model: log(max(weight / top, SMALLEST_WEIGHT)) for model, weight in weights.items()}
