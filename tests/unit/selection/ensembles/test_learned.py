"""Ensembles whose weights are learned: Exp4 under its bound, Hedge through changes, scores averaged."""

from math import log, sqrt
from random import Random

import msgspec
import numpy as np
import pytest

from clipper.selection.policies import policy_named
from clipper.selection.policy import Answer, Feedback, Selection
from tests.unit.selection.bandits.streams import QUERY, correctness, errors, failing_best

MODELS = ("a", "b", "c")
ALL = Selection(MODELS, (1.0, 1.0, 1.0))
ROUNDS, MEMBERS, LABELS = 1000, 4, 2


def test_exp4_keeps_its_regret_bound() -> None:
    policy = policy_named("exp4", {"eta": sqrt(2 * log(MEMBERS) / (ROUNDS * LABELS))})
    regrets = []
    for seed in range(50):
        right = correctness((0.3, 0.5, 0.6, 0.9), ROUNDS, seed)
        regrets.append(errors(policy, right, seed).sum() - (~right).sum(axis=0).min())
    assert np.mean(regrets) <= sqrt(2 * ROUNDS * LABELS * log(MEMBERS))


def test_hedge_keeps_its_regret_bound() -> None:
    """Freund and Schapire's, for the expected loss of following a member drawn by weight."""
    policy = policy_named("hedge", {"eta": sqrt(8 * log(MEMBERS) / ROUNDS), "share": 0.0})
    models = tuple(f"m{n}" for n in range(MEMBERS))
    everybody = Selection(models, (1.0,) * MEMBERS)
    for seed in range(5):
        right = correctness((0.3, 0.5, 0.6, 0.9), ROUNDS, seed)
        state, loss = policy.init(models), 0.0
        for row in right:
            weights = policy.weights(state, models)
            loss += sum(weights[model] for model, is_right in zip(models, row, strict=True) if not is_right)
            state = policy.observe(state, QUERY, Feedback(b"1"), everybody, [b"1" if each else b"0" for each in row])
        assert loss - (~right).sum(axis=0).min() <= sqrt(ROUNDS * log(MEMBERS) / 2) + 1e-9


def test_hedge_recovers_within_500_queries() -> None:
    streams = [failing_best(seed) for seed in range(3)]
    hedge = np.mean([errors(policy_named("hedge", {}), right, 0) for right in streams], axis=0)
    exp4 = np.mean([errors(policy_named("exp4", {}), right, 0) for right in streams], axis=0)
    assert hedge.mean() <= exp4.mean()
    assert hedge.mean() <= 0.143
    for change, best in {5_000: 1 - 0.8184, 10_000: 1 - 0.8957}.items():
        assert hedge[change + 500 : change + 1500].mean() <= best + 0.03


def test_member_that_did_not_answer_keeps_its_weight() -> None:
    policy = policy_named("hedge", {"share": 0.0})
    state = policy.observe(policy.init(MODELS), QUERY, Feedback(b"1"), ALL, [b"1", b"0", None])
    weights = policy.weights(state, MODELS)
    assert weights["c"] == pytest.approx(1 / 3)
    assert weights["a"] > 1 / 3 > weights["b"]


def test_exp4_charges_by_the_probability_of_the_answer() -> None:
    policy = policy_named("exp4", {"eta": 0.1})
    state = policy.init(MODELS)
    answer = policy.combine(state, QUERY, ALL._replace(draw=0.9), [b"1", b"1", b"2"])
    assert answer is not None
    assert answer.output == b"2"
    assert answer.propensity == pytest.approx(1 / 3)
    after = policy.observe(state, QUERY, Feedback(reward=0.0, answer=answer), ALL, [b"1", b"1", b"2"])
    assert after["logs"]["c"] == pytest.approx(-0.3)


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        ((b"1", b"2", b"6"), b"3.0"),
        ((b"1", None, b"6"), b"3.5"),
        ((b"[1, 0]", b"[0, 1]", b"[0.5, 2]"), b"[0.5,1.0]"),
        ((b"[1, 0]", b"[0, 1, 7]", b"[0, 1]"), b"[0.5,0.5]"),
        ((b'"cat"', b'"dog"', b'"dog"'), b'"dog"'),
        ((b'"cat"', b"3", None), b"3.0"),
        ((None, None, None), None),
    ],
)
def test_average_is_of_the_numbers_that_arrived(outputs: tuple[bytes | None, ...], answer: bytes | None) -> None:
    policy = policy_named("average", {})
    given = policy.combine(policy.init(MODELS), QUERY, ALL, outputs)
    assert (given and msgspec.json.decode(given.output)) == (answer and msgspec.json.decode(answer))


def test_weights_of_the_operator_are_used() -> None:
    policy = policy_named("average", {"weights": {"a": 3, "c": 0}, "scale": 1.0})
    answer = policy.combine(policy.init(MODELS), QUERY, ALL, [b"1", b"2", b"100"])
    assert answer == Answer(b"1.25", 1.0, (0.75, 0.25, 0.0))
    assert policy.is_decided(policy.init(MODELS), QUERY, ALL, [b"1", b"2", None])


def test_missing_member_is_replaced_by_what_it_says_on_average() -> None:
    policy = policy_named("average", {"missing": "expected"})
    state = policy.init(MODELS)
    for value in (b"10", b"20"):
        state = policy.observe(state, QUERY, Feedback(b"5"), ALL, [b"1", b"2", value])
    answer = policy.combine(state, QUERY, ALL, [b"1", b"2", None])
    assert answer is not None
    assert (answer.output, answer.confidence) == (b"6.0", 0.0)


def test_confidence_is_the_weight_that_agrees_and_is_there() -> None:
    policy = policy_named("average", {})
    state = policy.init(MODELS)
    full = policy.combine(state, QUERY, ALL, [b"[0.9, 0.1]", b"[0.8, 0.2]", b"[0.4, 0.6]"])
    part = policy.combine(state, QUERY, ALL, [b"[0.9, 0.1]", b"[0.8, 0.2]", None])
    assert full is not None
    assert part is not None
    assert full.confidence == pytest.approx(2 / 3)
    assert part.confidence == pytest.approx(2 / 3)


def test_distance_counts_where_there_is_a_scale() -> None:
    policy = policy_named("hedge", {"outputs": "scores", "scale": 10.0})
    state = policy.init(MODELS)
    for _ in range(5):
        state = policy.observe(state, QUERY, Feedback(b"5"), ALL, [b"5", b"9", b"15"])
    weights = policy.weights(state, MODELS)
    assert weights["a"] > weights["b"] > weights["c"]


def test_new_member_comes_in_with_the_mean_weight() -> None:
    policy = policy_named("hedge", {})
    state = policy.init(MODELS)
    for _ in range(20):
        state = policy.observe(state, QUERY, Feedback(b"1"), ALL, [b"1", b"0", b"0"])
    weights = policy.weights(state, (*MODELS, "new"))
    assert weights["new"] == pytest.approx(0.25)
    selection = policy.select(state, ("new", "a"), QUERY, Random(0))
    assert selection.models == ("new", "a")
