"""What another policy would have earned: right on average, and within its interval as often as it says."""

import numpy as np
import pytest

from clipper.selection.evidence.off_policy import (
    NO_EVIDENCE,
    Estimate,
    Record,
    doubly_robust,
    inverse_propensity,
    mean_rewards,
)

LOGGED = {"a": 0.7, "b": 0.2, "c": 0.1}
TARGET = {"b": 0.5, "c": 0.5}
WORTH = {"a": 0.9, "b": 0.6, "c": 0.8}
TRUTH = 0.7


def logged(seed: int, count: int) -> list[Record]:
    rng = np.random.default_rng(seed)
    actions = rng.choice(list(LOGGED), count, p=list(LOGGED.values()))
    records = [Record(a, LOGGED[a], float(rng.random() < WORTH[a]), TARGET) for a in actions]
    guesses = mean_rewards(records)
    return [each._replace(predicted=guess) for each, guess in zip(records, guesses, strict=True)]


@pytest.mark.parametrize("estimator", [inverse_propensity, doubly_robust])
def test_interval_holds_the_truth_as_often_as_it_says(estimator: object) -> None:
    assert callable(estimator)
    estimates: list[Estimate] = [estimator(logged(seed, 500)) for seed in range(200)]
    assert np.mean([each.mean for each in estimates]) == pytest.approx(TRUTH, abs=0.01)
    assert 0.9 <= np.mean([each.low <= TRUTH <= each.high for each in estimates]) <= 1.0


def test_doubly_robust_is_less_noisy() -> None:
    simple = [inverse_propensity(logged(seed, 500)) for seed in range(50)]
    robust = [doubly_robust(logged(seed, 500)) for seed in range(50)]
    assert np.std([each.mean for each in robust]) < 0.8 * np.std([each.mean for each in simple])
    assert np.mean([each.high - each.low for each in robust]) < np.mean([each.high - each.low for each in simple])


def test_the_logged_policy_itself_is_estimated_by_its_mean() -> None:
    records = [each._replace(target=LOGGED) for each in logged(0, 300)]
    estimate = inverse_propensity(records)
    assert estimate.mean == pytest.approx(np.mean([each.reward for each in records]))
    assert estimate.effective == pytest.approx(300)


def test_what_was_never_taken_has_no_evidence() -> None:
    records = [each._replace(target={"d": 1.0}) for each in logged(0, 300)]
    assert inverse_propensity(records) == NO_EVIDENCE
    assert inverse_propensity([]) == NO_EVIDENCE
    assert doubly_robust(logged(0, 1)) == NO_EVIDENCE


def test_predictions_do_not_see_their_own_reward() -> None:
    records = [Record("a", 0.5, 1.0, {}), Record("a", 0.5, 0.0, {}), Record("b", 0.5, 1.0, {})]
    assert mean_rewards(records) == [{}, {"a": 1.0}, {"a": 0.5}]
