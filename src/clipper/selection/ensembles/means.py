"""Weighted means of scores: numbers, or lists of them such as class probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from clipper.selection.ensembles.votes import ROUNDING
from clipper.selection.policy import Answer, Outputs
from clipper.selection.rewards import LARGEST

Score: TypeAlias = list[float]
"""What one member says; a plain number is a list of one."""

Expectations: TypeAlias = dict[str, list[Any]]
"""For each model, how many outputs were seen, and their mean as a score."""

_LIST, _NUMBER = msgspec.json.Decoder(list[float]), msgspec.json.Decoder(float)

MEMORY = 1000
"""Outputs after which the mean forgets as fast as it learns."""


def score_of(output: bytes | None) -> Score | None:
    """The numbers of an output; None if it is not made of numbers."""
    if output is None:
        return None
    try:
        score = _LIST.decode(output) if output[:1] == b"[" else [_NUMBER.decode(output)]
    except msgspec.ValidationError:
        return None
    return score if score and max(score) < LARGEST and min(score) > -LARGEST else None


def mean_answer(
    outputs: Outputs, shares: Sequence[float], expected: Sequence[Score | None], scale: float
) -> Answer | None:
    """The mean of what arrived, and of what is expected of the others; None if there are no numbers to average.

    Members count that have a weight, and whose scores are as long as the first one's. Confidence is the weight that
    arrived and agrees: it has the highest score at the same place, or for single numbers, is at most `scale` away.
    """
    scores = [score_of(output) if share > 0.0 else None for output, share in zip(outputs, shares, strict=True)]
    size = next((len(each) for each in scores if each is not None), 0)
    if not size:
        return None
    known = [each if each is not None and len(each) == size else None for each in scores]
    used = [
        guess if output is None and guess is not None and len(guess) == size else said
        for output, said, guess in zip(outputs, known, expected, strict=True)
    ]
    total = sum([share for each, share in zip(used, shares, strict=True) if each is not None]) or 1.0
    contributions = [share / total if each is not None else 0.0 for each, share in zip(used, shares, strict=True)]
    mean = [0.0] * size
    for each, share in zip(used, contributions, strict=True):
        if each is not None:
            mean = [so_far + share * value for so_far, value in zip(mean, each, strict=True)]
    agreeing = sum([s for each, s in zip(known, shares, strict=True) if each is not None and _agree(each, mean, scale)])
    is_list = any(
        [score is not None and o is not None and o[:1] == b"[" for score, o in zip(scores, outputs, strict=True)]
    )
    output = msgspec.json.encode(mean if is_list or size > 1 else mean[0])
    return Answer(output, 1.0 if agreeing > 1.0 - ROUNDING else agreeing, tuple(contributions))


def is_mean_decided(outputs: Outputs, shares: Sequence[float]) -> bool:
    """Whether those who are missing have no weight."""
    return any(outputs) and not any(share for output, share in zip(outputs, shares, strict=True) if output is None)


def learned(means: Expectations, models: Sequence[str], outputs: Outputs) -> Expectations:
    """What each model is expected to say, after one more output of each that has arrived."""
    return learned_scores(means, {m: score_of(output) for m, output in zip(models, outputs, strict=True)})


def learned_scores(means: Expectations, scores: Mapping[str, Score | None]) -> Expectations:
    """As `learned`, of outputs that have been decoded."""
    after = {**means}
    for model, score in scores.items():
        if score is None:
            continue
        count, mean = after.get(model, [0, score])
        if len(mean) != len(score):
            count, mean = 0, score
        count = min(count + 1, MEMORY)
        after[model] = [count, [old + (new - old) / count for old, new in zip(mean, score, strict=True)]]
    return after


def _agree(score: Score, mean: Score, scale: float) -> bool:
    if len(score) == 1:
        return abs(score[0] - mean[0]) <= scale + ROUNDING * abs(mean[0])
    return score.index(max(score)) == mean.index(max(mean))
