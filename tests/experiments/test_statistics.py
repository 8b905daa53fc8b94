"""Intervals contain what they should, as often as they should."""

import numpy as np
import pytest

from experiments.lib import statistics
from experiments.lib.finding import Measured, at_least, at_most


def test_interval_of_a_mean_holds_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    found = [statistics.mean(rng.normal(3.0, 1.0, 8)) for _ in range(1000)]
    inside = sum(each.low <= 3.0 <= each.high for each in found if each.low is not None and each.high is not None)
    assert 930 <= inside <= 970


def test_interval_of_a_quantile_holds_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    found = [statistics.quantile(rng.exponential(1.0, 2000), 0.99) for _ in range(500)]
    true = -np.log(0.01)
    inside = sum(each.low <= true <= each.high for each in found if each.low is not None and each.high is not None)
    assert 460 <= inside <= 490


def test_share_and_ratio_lie_in_their_intervals() -> None:
    for measured, true in ((statistics.share(90, 100), 0.9), (statistics.ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]), 2.0)):
        assert measured.value == pytest.approx(true)
        assert measured.low is not None
        assert measured.high is not None
        assert measured.low <= true <= measured.high


def test_one_value_has_no_interval() -> None:
    assert statistics.mean([5.0]) == Measured(5.0)


def test_claim_holds_only_if_its_whole_interval_does() -> None:
    assert at_least("a", Measured(2.0, 1.5, 2.5), 1.5).holds
    assert not at_least("a", Measured(2.0, 1.4, 2.6), 1.5).holds
    assert at_least("a", Measured(2.0, 1.4, 2.6), 1.5).verdict == "not decided"
    assert at_least("a", Measured(1.0, 0.9, 1.4), 1.5).verdict == "does NOT hold"
    assert at_most("a", Measured(1.0), 1.0).holds
    assert not at_most("a", Measured(1.0, 0.9, 1.1), 1.0).holds
    assert at_most("a", Measured(1.0, 0.9, 1.1), 1.0).verdict == "not decided"
    assert at_most("a", Measured(1.0), 0.9).verdict == "does NOT hold"
