"""What one model earns while it may change at any moment: a mean over a limited memory, and a detector of changes.

Two likelihood ratios are kept for each model: that it has become better than its mean by half of what is missing to 1,
and that it has become worse by half of what it has. Each starts anew whenever it speaks against a change (CUSUM). When
one passes `ALARM`, what was known is replaced by what was seen since the change seems to have begun.
"""

from math import log

ALARM = log(10_000.0)
"""Of a likelihood ratio: a false alarm comes once in ten thousand feedbacks on a model that stays as it is."""

SMALLEST, LARGEST = 0.01, 0.99
"""Between these a mean is believed; beyond, one surprise would be an alarm."""

RIGHT, SEEN, UP, UP_RIGHT, UP_SEEN, DOWN, DOWN_RIGHT, DOWN_SEEN = range(8)
"""Places in the numbers kept of one model: rewards and feedbacks remembered, then for each direction of change the
likelihood ratio's logarithm, and the rewards and feedbacks since it began."""

UNKNOWN = [0.0] * 8


def mean(track: list[float]) -> float:
    """What the model is expected to earn: 0.5 before any feedback."""
    return (track[RIGHT] + 1.0) / (track[SEEN] + 2.0)


def followed(track: list[float], reward: float, memory: float) -> list[float]:
    """The numbers after one more reward; more than `memory` feedbacks are not remembered."""
    after = [*track]
    before = min(LARGEST, max(SMALLEST, mean(track)))
    _test(after, UP, before + 0.5 * (1.0 - before), before, reward)
    _test(after, DOWN, 0.5 * before, before, reward)
    fading = 1.0 if track[SEEN] + 1.0 <= memory else memory / (track[SEEN] + 1.0)
    after[RIGHT] = (track[RIGHT] + reward) * fading
    after[SEEN] = (track[SEEN] + 1.0) * fading
    for direction in (UP, DOWN):
        if after[direction] > ALARM:
            return [after[direction + 1], after[direction + 2], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    return after


def diluted_track(track: list[float], evidence: float) -> list[float]:
    """The same mean as if seen `evidence` times at most."""
    kept = min(1.0, evidence / track[SEEN]) if track[SEEN] else 0.0
    return [track[RIGHT] * kept, track[SEEN] * kept, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def _test(track: list[float], direction: int, changed: float, before: float, reward: float) -> None:
    """One more factor of a likelihood ratio, and what was seen since it began."""
    factor = reward * log(changed / before) + (1.0 - reward) * log((1.0 - changed) / (1.0 - before))
    ratio = track[direction] + factor
    if ratio <= 0.0:
        track[direction : direction + 3] = [0.0, 0.0, 0.0]
    else:
        track[direction : direction + 3] = [ratio, track[direction + 1] + reward, track[direction + 2] + 1.0]
