"""What an output was worth, from 0 to 1, once feedback is there."""

from math import isfinite
from typing import TypeGuard

import msgspec

from clipper.selection.policy import Answer, Feedback, Outputs, Selection

LARGEST = 1e150
"""Of numbers, so that their squares are finite."""


def same_value(output: bytes, label: bytes) -> bool:
    """Whether two JSON texts spell one value: `1` and `1.0` do."""
    return output == label or bool(msgspec.json.decode(output) == msgspec.json.decode(label))


def rewards(feedback: Feedback, selection: Selection, outputs: Outputs, scale: float = 0.0) -> list[float | None]:
    """What each selected model earned; None where it said nothing or nothing is known of what it said.

    A label judges all of them. A reward judges those that said what was answered. `scale` is as in `worth`.
    """
    if feedback.label is not None:
        return _judged(outputs, feedback.label, scale)
    earned = _reward(feedback)
    if earned is None:
        return [None] * len(outputs)
    if feedback.answer is None:  # nothing was combined: the answer is what the one model said
        return [earned if len(outputs) == 1 and output is not None else None for output in outputs]
    answered = feedback.answer.output
    return [earned if output is not None and same_value(output, answered) else None for output in outputs]


def _judged(outputs: Outputs, label: bytes, scale: float) -> list[float | None]:
    """What each output is worth; most of them are the same."""
    known: dict[bytes | None, float | None] = {None: None}
    for output in outputs:
        if output not in known and output is not None:
            known[output] = worth(output, label, scale)
    return [known[output] for output in outputs]


def value_of(feedback: Feedback, answer: Answer, scale: float = 0.0) -> float | None:
    """What an answer earned; None if nothing is known of it: a reward is for what was answered, `answer` or not."""
    if feedback.label is not None:
        return worth(answer.output, feedback.label, scale)
    given = feedback.answer
    return _reward(feedback) if given is None or same_value(given.output, answer.output) else None


def _reward(feedback: Feedback) -> float | None:
    if feedback.reward is None or not isfinite(feedback.reward):
        return None
    return min(1.0, max(0.0, feedback.reward))


def worth(output: bytes, label: bytes, scale: float = 0.0) -> float:
    """1 for the label itself; for numbers less with their distance, 0 from `scale` on; class scores by their largest.

    A list of class scores is right if its largest is at the place that the label, an integer, names.
    """
    if output == label:
        return 1.0
    said, true = msgspec.json.decode(output), msgspec.json.decode(label)
    if said == true:
        return 1.0
    if is_number(said) and is_number(true) and scale > 0.0:
        return max(0.0, 1.0 - abs(said - true) / scale)
    if isinstance(said, list) and said and type(true) is int and all(map(is_number, said)):
        return float(said.index(max(said)) == true)
    return 0.0


def is_number(value: object) -> TypeGuard[float]:
    """Whether a decoded JSON value is a number to calculate with; true, false and the absurdly large are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST < value < LARGEST
