"""The same streams through the textbook's formulas, written down independently: the same choices and weights."""

from math import exp, log
from random import Random

import numpy as np
import pytest

from clipper.selection.bandits.changes import ALARM, UNKNOWN, followed, mean
from clipper.selection.policies import policy_named
from clipper.selection.policy import Feedback, Selection
from tests.unit.selection.bandits.streams import QUERY, SAID, correctness

MODELS = ("m0", "m1", "m2")
EVERYBODY = Selection(MODELS, (1.0, 1.0, 1.0))
RIGHT = correctness((0.4, 0.6, 0.7), 400, 0).tolist()


def test_ucb1_chooses_what_the_formula_does() -> None:
    policy, rng = policy_named("ucb1", {}), Random(0)
    state = policy.init(MODELS)
    counts, sums = np.zeros(3), np.zeros(3)
    for row, right in enumerate(RIGHT):
        selection = policy.select(state, MODELS, QUERY, rng)
        chosen = MODELS.index(selection.models[0])
        if row < 3:
            assert counts[chosen] == 0  # each is tried once first
        else:
            bounds = sums / counts + np.sqrt(2 * np.log(row) / counts)
            assert bounds[chosen] == pytest.approx(bounds.max(), abs=1e-12)
        counts[chosen] += 1
        sums[chosen] += right[chosen]
        state = policy.observe(state, QUERY, Feedback(b"1"), selection, [SAID[right[chosen]]])


def test_exp3_has_the_weights_of_the_formula() -> None:
    policy, rng = policy_named("exp3", {"eta": 0.1, "explore": 0.2}), Random(0)
    state, weights = policy.init(MODELS), np.ones(3)
    for right in RIGHT:
        shares = 0.8 * weights / weights.sum() + 0.2 / 3
        assert list(policy.weights(state, MODELS).values()) == pytest.approx(shares)
        selection = policy.select(state, MODELS, QUERY, rng)
        chosen = MODELS.index(selection.models[0])
        assert selection.propensities[0] == pytest.approx(shares[chosen])
        weights[chosen] *= exp(-0.1 * (not right[chosen]) / shares[chosen])
        state = policy.observe(state, QUERY, Feedback(b"1"), selection, [SAID[right[chosen]]])


def test_epsilon_greedy_has_the_shares_of_the_formula() -> None:
    policy, rng = policy_named("epsilon_greedy", {"epsilon": 0.3}), Random(0)
    state = policy.init(MODELS)
    counts, sums = np.zeros(3), np.zeros(3)
    for right in RIGHT:
        means = (sums + 1) / (counts + 2)
        greedy = (means == means.max()) / (means == means.max()).sum()
        assert list(policy.weights(state, MODELS).values()) == pytest.approx(0.7 * greedy + 0.1)
        selection = policy.select(state, MODELS, QUERY, rng)
        chosen = MODELS.index(selection.models[0])
        counts[chosen] += 1
        sums[chosen] += right[chosen]
        state = policy.observe(state, QUERY, Feedback(b"1"), selection, [SAID[right[chosen]]])


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_hedge_has_the_weights_of_the_formula(share: float) -> None:
    policy = policy_named("hedge", {"eta": 0.3, "share": share})
    state, weights = policy.init(MODELS), np.full(3, 1 / 3)
    for right in RIGHT:
        state = policy.observe(state, QUERY, Feedback(b"1"), EVERYBODY, [SAID[each] for each in right])
        weights *= np.exp(-0.3 * ~np.array(right))
        weights /= weights.sum()
        weights = (1 - share) * weights + share / 3
        assert list(policy.weights(state, MODELS).values()) == pytest.approx(weights)


def test_exp4_has_the_weights_of_the_formula() -> None:
    policy, rng = policy_named("exp4", {"eta": 0.1}), Random(0)
    state, weights = policy.init(MODELS), np.ones(3)
    for right in RIGHT:
        selection = policy.select(state, MODELS, QUERY, rng)
        outputs = [SAID[each] for each in right]
        answer = policy.combine(state, QUERY, selection, outputs)
        assert answer is not None
        said_so = np.array([output == answer.output for output in outputs])
        probability = weights[said_so].sum() / weights.sum()
        assert answer.propensity == pytest.approx(probability)
        weights[said_so] *= exp(-0.1 * (answer.output != b"1") / probability)
        state = policy.observe(state, QUERY, Feedback(b"1", answer=answer), selection, outputs)
        assert list(policy.weights(state, MODELS).values()) == pytest.approx(weights / weights.sum())


def test_change_is_an_alarm_after_the_likelihood_ratio_says_so() -> None:
    """Brute force over all moments at which a change may have begun."""
    track, seen = UNKNOWN, []
    rng = np.random.default_rng(0)
    for reward in [*(rng.random(200) < 0.9), *(rng.random(60) < 0.1)]:
        before = min(0.99, max(0.01, mean(track)))
        seen.append((float(reward), before))
        after = followed(track, float(reward), 1e9)
        factors = [r * log(0.5) + (1 - r) * log((1 - 0.5 * b) / (1 - b)) for r, b in seen]
        worst = max(sum(factors[start:]) for start in range(len(factors)))
        if worst > ALARM:
            assert after[1] <= track[1]
            assert len(seen) - 200 < 15
            assert mean(after) < 0.5
            return
        track = after
    pytest.fail("the change was not noticed")
