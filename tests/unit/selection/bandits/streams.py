"""Streams of rewards, and a policy that learns from one: no models, only what each would have earned."""

from random import Random

import numpy as np
import numpy.typing as npt

from clipper.selection.policy import Feedback, Policy
from tests.contract.policy_world import Asked

Bits = npt.NDArray[np.bool_]

QUERY = Asked()
LABEL = b"1"
SAID = (b"0", b"1")
"""A wrong output, and a right one."""

CIFAR_ACCURACIES = (0.7502, 0.6427, 0.8184, 0.5368, 0.8957)
"""Of the five models of the paper's Fig. 8."""


def correctness(accuracies: tuple[float, ...], count: int, seed: int) -> Bits:
    """Whether each model (column) is right about each query (row)."""
    return np.random.default_rng(seed).random((count, len(accuracies))) < accuracies


def failing_best(seed: int, count: int = 20_000) -> Bits:
    """The paper's Fig. 8: the best model guesses one in ten in the second quarter."""
    right = correctness(CIFAR_ACCURACIES, count, seed)
    broken = slice(count // 4, count // 2)
    right[broken, 4] = np.random.default_rng(seed + 1000).random(count // 4) < 0.1
    return right


def errors(policy: Policy, right: Bits, seed: int) -> npt.NDArray[np.float64]:
    """1 where the policy answered wrongly, with feedback after each query."""
    models = tuple(f"m{place}" for place in range(right.shape[1]))
    places = {model: place for place, model in enumerate(models)}
    rng, state = Random(seed), policy.init(models)
    wrong = np.zeros(len(right))
    for row, said in enumerate(right.tolist()):
        selection = policy.select(state, models, QUERY, rng)
        outputs = [SAID[said[places[model]]] for model in selection.models]
        answer = policy.combine(state, QUERY, selection, outputs)
        assert answer is not None
        wrong[row] = answer.output != LABEL
        state = policy.observe(state, QUERY, Feedback(LABEL, answer=answer), selection, outputs)
    return wrong
