"""One observation at a time gives what solving for all of them at once gives."""

import numpy as np
import pytest

from clipper.selection.personal import ridge


@pytest.mark.parametrize("size", [1, 7, 40])
def test_updates_agree_with_a_direct_solve(size: int) -> None:
    rng = np.random.default_rng(size)
    features, targets, start = rng.normal(size=(300, size)), rng.normal(size=300), rng.normal(size=size)
    belief = ridge.prior(start, 2.0)
    for each, target in zip(features, targets, strict=True):
        belief = ridge.updated(belief, each, float(target))
    inverse = np.linalg.inv(2.0 * np.eye(size) + features.T @ features)
    np.testing.assert_allclose(ridge.spread_of(belief), inverse, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ridge.mean_of(belief), inverse @ (2.0 * start + features.T @ targets), atol=1e-9)
    query = rng.normal(size=size)
    assert ridge.variance(belief, query) == pytest.approx(query @ inverse @ query)


def test_grown_belief_is_the_one_that_had_the_weights_from_the_start() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(50, 5)), rng.normal(size=50)
    features[:20, 3:] = 0.0  # the last two were not there yet
    whole, growing = ridge.prior(np.zeros(5), 1.0), ridge.prior(np.zeros(3), 1.0)
    for row, (each, target) in enumerate(zip(features, targets, strict=True)):
        if row == 20:
            growing = ridge.grown(growing, np.zeros(2), 1.0)
        whole = ridge.updated(whole, each, float(target))
        growing = ridge.updated(growing, each if row >= 20 else each[:3], float(target))
    np.testing.assert_allclose(ridge.mean_of(growing), ridge.mean_of(whole), atol=1e-12)
    np.testing.assert_allclose(ridge.spread_of(growing), ridge.spread_of(whole), atol=1e-12)


def test_belief_stays_a_belief_over_many_updates() -> None:
    rng = np.random.default_rng(0)
    belief = ridge.prior(np.zeros(4), 1.0)
    for each in rng.normal(size=(20_000, 4)):
        belief = ridge.updated(belief, each, float(each.sum()))
    assert np.linalg.eigvalsh(ridge.spread_of(belief)).min() > 0.0
    np.testing.assert_allclose(ridge.mean_of(belief), np.ones(4), atol=1e-3)


def test_absurd_features_and_targets_stay_numbers() -> None:
    belief = ridge.prior(np.zeros(3), 1.0)
    for value in (np.inf, -np.inf, np.nan, 1e308, 0.0):
        belief = ridge.updated(belief, ridge.bounded(np.full(3, value)), 1e308)
    assert np.isfinite(ridge.mean_of(belief)).all()
    assert np.isfinite(ridge.spread_of(belief)).all()
