"""The jury is as good as the vote where members err on their own, and as the best member where they err alike."""

from math import log

import numpy as np
import pytest

from clipper.selection.ensembles.jury import TOGETHER
from clipper.selection.policies import policy_named
from clipper.selection.policy import Feedback, Selection
from tests.unit.selection.bandits.streams import QUERY, correctness, errors, failing_best

MODELS = ("m0", "m1", "m2")
EVERYBODY = Selection(MODELS, (1.0, 1.0, 1.0))


def test_better_than_the_best_member_where_mistakes_are_their_own() -> None:
    right = correctness((0.8, 0.8, 0.8, 0.8, 0.82), 2000, 0)
    assert errors(policy_named("jury", {}), right, 0)[500:].mean() < 0.10


def test_as_good_as_the_best_member_where_the_others_err_alike() -> None:
    shared = correctness((0.6,), 2000, 0)
    right = np.hstack([np.repeat(shared, 4, axis=1), correctness((0.9,), 2000, 1)])
    assert errors(policy_named("jury", {}), right, 0)[500:].mean() < 0.12
    assert errors(policy_named("majority", {}), right, 0)[500:].mean() > 0.3


def test_broken_member_is_routed_around() -> None:
    wrong = errors(policy_named("jury", {}), failing_best(0, 8000), 0)
    assert wrong[2100:4000].mean() < 1 - 0.8184
    assert wrong[4100:].mean() < 1 - 0.8957


def test_shares_are_those_of_the_formula() -> None:
    policy = policy_named("jury", {"eta": 0.3, "share": 0.0})
    state = policy.init(MODELS)
    weights = np.array([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    seen = np.zeros(3)
    for right in correctness((0.6, 0.7, 0.9), 30, 3):
        odds = np.log((seen + 1) / (state_count(state) - seen + 1)).clip(1e-3)
        odds /= odds.sum()
        expected = weights[:3] / weights.sum() + weights[3] / weights.sum() * odds
        assert list(policy.weights(state, MODELS).values()) == pytest.approx(expected)
        outputs = [b"1" if each else b"0" for each in right]
        verdict = odds[right].sum() > odds[~right].sum()
        state = policy.observe(state, QUERY, Feedback(b"1"), EVERYBODY, outputs)
        weights *= np.exp(-0.3 * ~np.append(right, verdict))
        seen += right


def state_count(state: dict[str, dict[str, list[float]]]) -> float:
    tracks = state["tracks"]
    return tracks["m0"][1] if tracks else 0.0


def test_new_member_comes_in_and_the_vote_has_half_of_the_weight_at_first() -> None:
    policy = policy_named("jury", {})
    state = policy.init(("m0", "m1"))
    assert state["logs"] == {"m0": -log(2), "m1": -log(2), TOGETHER: 0.0}
    assert policy.weights(state, MODELS)["m2"] > 0.1
