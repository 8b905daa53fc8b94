"""A stated confidence of 0.9 is right nine times in ten."""

from itertools import pairwise
from random import Random

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from clipper.selection.evidence.calibration import BINS, calibrated, isotonic, learned
from clipper.selection.policies import policy_named
from clipper.selection.policy import Feedback
from tests.contract.policy_world import Asked

QUERY = Asked()


def calibration_error(confidences: list[float], right: list[bool]) -> float:
    """The mean distance of what is stated from what is true, over ten groups of equal size."""
    order = np.argsort(confidences)
    groups = np.array_split(order, 10)
    stated = np.array([np.mean(np.array(confidences)[group]) for group in groups])
    true = np.array([np.mean(np.array(right)[group]) for group in groups])
    return float(np.average(np.abs(stated - true), weights=[len(group) for group in groups]))


def test_overconfident_scores_are_corrected() -> None:
    rng = np.random.default_rng(0)
    bins = [[0.0, 0.0] for _ in range(BINS)]
    said: list[float] = []
    right: list[bool] = []
    for stated in rng.random(30_000):
        is_right = bool(rng.random() < 0.3 + 0.5 * stated**2)
        said.append(calibrated(bins, stated))
        right.append(is_right)
        bins = learned(bins, float(stated), float(is_right))
    assert calibration_error(said[5000:], right[5000:]) <= 0.02
    sure = [is_right for confidence, is_right in zip(said, right, strict=True) if confidence > 0.7]
    assert np.mean(sure) > 0.7


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.5, 10)).map(lambda t: (min(t), t[1])), min_size=1, max_size=30))
def test_isotonic_shares_do_not_fall_and_keep_the_total(tallies: list[tuple[float, float]]) -> None:
    shares = isotonic(tallies)
    assert all(low <= high + 1e-12 for low, high in pairwise(shares))
    total = sum(share * seen for share, (_, seen) in zip(shares, tallies, strict=True))
    assert total == pytest.approx(sum(right for right, _ in tallies), abs=1e-9)


def test_before_feedback_confidence_is_what_is_stated() -> None:
    bins = [[0.0, 0.0] for _ in range(BINS)]
    assert [calibrated(bins, stated) for stated in (0.0, 0.5, 1.0)] == [0.0, 0.5, 1.0]


@pytest.fixture(scope="module")
def digits() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """What four models say of digits they have not seen (queries × models), and what is true."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = images[order], labels[order]
    models = [
        LogisticRegression(max_iter=50, C=0.001),
        GaussianNB(),
        DecisionTreeClassifier(max_depth=8, random_state=0),
        KNeighborsClassifier(3),
    ]
    for model in models:
        model.fit(images[:150], labels[:150])
    return np.stack([model.predict(images[150:]) for model in models], axis=1), labels[150:]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("policy", ["majority", "hedge"])
def test_ensemble_on_digits_means_what_it_says(
    policy: str, digits: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
) -> None:
    """One pass over 1,600 queries teaches it; another one, in another order, is judged."""
    said, labels = digits
    ensemble = policy_named(policy, {"calibrated": True})
    plain = policy_named(policy, {})
    models = ("linear", "bayes", "tree", "neighbours")
    state, unaware = ensemble.init(models), plain.init(models)
    stated: list[float] = []
    agreed: list[float] = []
    right: list[bool] = []
    rng = Random(0)
    for turn in range(3):
        for row in np.random.default_rng(turn).permutation(len(labels)):
            outputs = [str(each).encode() for each in said[row]]
            selection = ensemble.select(state, models, QUERY, rng)
            answer, raw = (
                ensemble.combine(state, QUERY, selection, outputs),
                plain.combine(unaware, QUERY, selection, outputs),
            )
            assert answer is not None
            assert raw is not None
            label = str(labels[row]).encode()
            if turn:
                stated.append(answer.confidence)
                agreed.append(raw.confidence)
                right.append(answer.output == label)
            state = ensemble.observe(state, QUERY, Feedback(label, answer=answer), selection, outputs)
            unaware = plain.observe(unaware, QUERY, Feedback(label, answer=raw), selection, outputs)
    assert calibration_error(stated, right) <= 0.02
    assert calibration_error(stated, right) < calibration_error(agreed, right)
