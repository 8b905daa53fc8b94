"""Policies on streams of outputs: no server, each query followed by its feedback. Results depend on seeds alone."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clipper.core.inputs import DType, Input
from clipper.selection.policy import Feedback, Policy, State

Errors = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


class Asked(NamedTuple):
    """A query whose input nobody looks at."""

    input: Input = Input(DType.FLOAT64, (1,), bytes(8))
    context: str | None = None


QUERY = Asked()


def member_names(count: int) -> tuple[str, ...]:
    """What the models of a stream are called."""
    return tuple(f"model {place + 1}" for place in range(count))


class Learned(NamedTuple):
    """A policy that went through a stream: per query whether it erred, how sure it was, and its state at the end."""

    errors: Errors
    confidences: Errors
    state: State


def learn(policy: Policy, said: Labels, labels: Labels, seed: int) -> Learned:
    """Each query (a row of `said`: what each model answers) with its feedback at once."""
    names = member_names(said.shape[1])
    places = {name: place for place, name in enumerate(names)}
    texts = [b"%d" % value for value in range(int(max(said.max(), labels.max())) + 1)]
    rng, state = Random(seed), policy.init(names)
    errors, confidences = np.zeros(len(said)), np.zeros(len(said))
    for row, (outputs_of, label) in enumerate(zip(said.tolist(), labels.tolist(), strict=True)):
        selection = policy.select(state, names, QUERY, rng)
        outputs = [texts[outputs_of[places[name]]] for name in selection.models]
        answer = policy.combine(state, QUERY, selection, outputs)
        assert answer is not None
        errors[row] = answer.output != texts[label]
        confidences[row] = answer.confidence
        state = policy.observe(state, QUERY, Feedback(texts[label], answer=answer), selection, outputs)
    return Learned(errors, confidences, state)


def thinned(values: Sequence[float] | Errors, points: int) -> tuple[list[float], list[float]]:
    """At most so many points of a curve, with their places."""
    places = np.unique(np.linspace(0, len(values) - 1, points).astype(int))
    return [float(place) for place in places], [round(float(np.asarray(values)[place]), 5) for place in places]
