"""The pure parts of the model abstraction layer's benchmarks."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.layer.cases.hits import lru_hit_rate
from benchmarks.layer.cases.rivals import CLIPPER, Rival, _verdict
from benchmarks.layer.digits import WIDTH, jittered, load
from benchmarks.layer.load import FIRST, MOST, Closed, best_connections, middle, who_bounds
from benchmarks.layer.models import LINEAR, accuracy, train
from benchmarks.layer.search import highest_rate
from benchmarks.layer.server import Use, totals
from benchmarks.layer.suite import LAYER
from benchmarks.machine import Run
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_least, at_most

USE = Use(1.0, {"front end": 0.7, "containers": 0.3}, 0, 100, 10.0, 0.5)


@pytest.mark.parametrize("capacity", [300.0, 900.0, 1000.0, 2500.0])
def test_highest_rate_comes_near_from_below(capacity: float) -> None:
    tried: list[float] = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= capacity

    found = highest_rate(holds, 1000.0, steps=8)
    assert found <= capacity
    assert found == pytest.approx(capacity, rel=0.1)
    assert len(tried) == 8


def test_highest_rate_of_what_never_holds_is_nothing() -> None:
    assert highest_rate(lambda _rate: False, 1000.0, steps=5) == 0.0


@pytest.mark.parametrize(("wanted", "found"), [(1, 2), (8, 8), (32, 32), (100, 128), (10_000, MOST)])
def test_connections_are_as_many_as_pay(wanted: int, found: int) -> None:
    assert best_connections(lambda count: float(min(count, wanted)), FIRST) == found


def test_of_rounds_the_middle_one_counts() -> None:
    rounds = [Closed(1, rate, 1.0, 2.0, USE, {}) for rate in (30.0, 10.0, 20.0)]
    assert middle(rounds).per_second == 20.0


def test_figures_are_held_against_their_targets() -> None:
    assert at_least("x", 0.951, 0.95).word == "reached"
    assert at_least("x", 0.949, 0.95).word == "NOT reached"
    assert at_most("x", 5.1, 5, "ms").word == "NOT reached"
    assert at_most("x", 4.9, 5, "ms").measured == "4.9 ms"
    assert at_most("x", None, 5, "ms").word == "not measured"
    assert at_most("x", float("inf"), 1, "s").word == "NOT reached"
    assert at_most("x", float("nan"), 1, "s").word == "NOT reached"


def test_the_highest_load_of_all_wins() -> None:
    ours = Rival(CLIPPER, LINEAR, highest=900.0)
    others = [Rival("a", LINEAR, highest=450.0), Rival("b", LINEAR, failure="no wheel")]
    assert _verdict(LINEAR, [ours, *others]).measured == "900/s: 2.00 × a"
    assert _verdict(LINEAR, [ours, *others]).word == "reached"
    assert _verdict(LINEAR, [replace(ours, highest=400.0), *others]).word == "NOT reached"
    assert _verdict(LINEAR, [ours, others[1]]).word == "not measured"


def test_metrics_are_added_up_over_their_labels() -> None:
    text = '# HELP a b\na_total{x="1"} 2.0\na_total{x="2"} 3.0\nb 1e-05\n'
    assert totals(text) == {"a_total": 5.0, "b": 1e-05}


def test_lru_keeps_what_was_used_last() -> None:
    assert lru_hit_rate(np.array([1, 2, 1, 3, 1, 2]), 2) == pytest.approx(2 / 6)
    assert lru_hit_rate(np.array([1, 2, 3, 1, 2, 3]), 2) == 0.0


def test_digits_are_there_without_a_data_folder() -> None:
    digits = load(None)
    assert digits.train.shape[1] == digits.test.shape[1] == WIDTH
    assert digits.train.min() == 0.0
    assert digits.train.max() == 1.0
    assert accuracy(train(LINEAR, digits), digits) > 0.9


def test_jitter_is_small_and_different_each_time() -> None:
    rows = load(None).test[:5]
    rng = np.random.default_rng(0)
    first, second = jittered(rows, rng), jittered(rows, rng)
    assert not np.array_equal(first, second)
    assert np.abs(first - rows).max() < 0.1
    assert np.all(first[rows == 0] == 0)


def test_who_bounds_leaves_out_who_does_nothing() -> None:
    assert who_bounds({"front end": 0.98, "the rest": 0.001}) == "front end 0.98"


def test_page_has_a_part_for_each_section() -> None:
    plot = Plot("a-plot", "A plot", "x", "y", [Line("one", [1, 2], [3, 4])])
    done = Section("a", "A case", "What it does.", [Sheet("Rows", ("h",), [("v",)])], [at_least("c", 2, 1)], [plot])
    page = LAYER.page(
        Run("make", {"memory": "much"}, {"date": "today"}), [done, Section("b", "B", "", failure="no wheel")]
    )
    assert "\n## A case\n" in page
    assert "| c | ≥ 1 × | 2 × | reached |" in page
    assert "![A plot](benchmarks/a-plot.svg)" in page
    assert "Failed: no wheel" in page
    assert "Measured by `make`; date today." in page


def test_page_keeps_what_was_not_measured_again() -> None:
    first, second = Section("a", "A case", "Old."), Section("b", "B", "Stays.")
    before = LAYER.page(Run("old", {"memory": "little"}, {"date": "yesterday"}), [first, second])
    page = LAYER.page(Run("new", {"memory": "much"}, {"date": "today"}), [Section("a", "A case", "New.")], before)
    assert "Old." not in page
    assert "\n## A case\n\nNew.\n\nMeasured by `new`; date today.\n\n## B\n\nStays.\n\nMeasured by `old`; date" in page
    assert "* memory: much\n" in page
    assert page.count("Made by") == 1
