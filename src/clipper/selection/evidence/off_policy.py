"""What another policy would have earned on queries that one policy answered: off-policy estimates, with intervals.

Each record says which action (a model, or a model's answer) was taken, with which probability, and what it earned; the
other policy says with which probability it would have taken each action there. Inverse propensity scoring (IPS) weighs
what was seen by how much likelier it would have been; the doubly robust estimate (Dudík et al. 2011) starts from a
prediction of every action's reward and weighs only what that gets wrong: as unbiased, and mostly far less noisy.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import NamedTuple


class Record(NamedTuple):
    """One answered query with feedback.

    Attributes:
        action: what was taken.
        propensity: the probability with which it was, greater than 0.
        reward: what it earned, from 0 to 1.
        target: the probability with which the other policy would take each action; those not named have 0.
        predicted: what each action is predicted to earn here, by whoever did not see this reward; may be empty.
    """

    action: str
    propensity: float
    reward: float
    target: Mapping[str, float]
    predicted: Mapping[str, float] = {}


class Estimate(NamedTuple):
    """A mean reward, and the interval that holds the truth in about 95 of 100 cases.

    Attributes:
        effective: how many records of the other policy itself would be as informative.
    """

    mean: float
    low: float
    high: float
    effective: float


NORMAL_95 = 1.96
"""Standard errors to both sides, for 95 % of a normal distribution."""

NO_EVIDENCE = Estimate(0.5, 0.0, 1.0, 0.0)


def inverse_propensity(records: Sequence[Record]) -> Estimate:
    """Unbiased if the logged policy could take every action that the other one takes."""
    return _estimate([_weight(each) * each.reward for each in records], records)


def doubly_robust(records: Sequence[Record]) -> Estimate:
    """Unbiased under the same condition, or if the predictions are right."""
    return _estimate([_robust(each) for each in records], records)


def mean_rewards(records: Sequence[Record]) -> list[dict[str, float]]:
    """For each record, every action's mean reward in the records before it: predictions that have not seen the future.

    Weighed by inverse propensities, so that what is rarely taken counts as often as it occurs.
    """
    totals: dict[str, tuple[float, float]] = {}
    predictions = []
    for each in records:
        predictions.append({action: earned / weight for action, (earned, weight) in totals.items()})
        earned, weight = totals.get(each.action, (0.0, 0.0))
        totals[each.action] = (earned + each.reward / each.propensity, weight + 1.0 / each.propensity)
    return predictions


def _weight(record: Record) -> float:
    return record.target.get(record.action, 0.0) / record.propensity


def _robust(record: Record) -> float:
    guess = sum([share * record.predicted.get(action, 0.0) for action, share in record.target.items()])
    return guess + _weight(record) * (record.reward - record.predicted.get(record.action, 0.0))


def _estimate(values: Sequence[float], records: Sequence[Record]) -> Estimate:
    count = len(values)
    weights = [_weight(each) for each in records]
    squares = sum([weight * weight for weight in weights])
    if count < 2 or not squares:
        return NO_EVIDENCE
    mean = sum(values) / count
    variance = sum([(value - mean) ** 2 for value in values]) / (count - 1)
    margin = NORMAL_95 * sqrt(variance / count)
    effective = sum(weights) ** 2 / squares
    return Estimate(mean, max(0.0, mean - margin), min(1.0, mean + margin), effective)
