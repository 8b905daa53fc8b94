"""The selection section of the benchmark: what its cases calculate, on small numbers."""

import json

import numpy as np
import pytest

from benchmarks.machine import Run
from benchmarks.section import Section, at_most
from benchmarks.selection.cases.fig7 import calibration_error
from benchmarks.selection.cases.fig8 import FOLLOW, recovered
from benchmarks.selection.cases.oracles import ARMS, ROUNDS, choices, regrets
from benchmarks.selection.cases.updates import BLOCK, Stream
from benchmarks.selection.ratings import User, shared
from benchmarks.selection.served import WIDTH, bodies
from benchmarks.selection.streams import learn, thinned
from benchmarks.selection.suite import SELECTION
from clipper.selection.policies import policy_named


def test_policy_learns_from_a_stream() -> None:
    labels = np.arange(200) % 3
    said = np.stack([labels, (labels + 1) % 3, (labels + 2) % 3], axis=1)
    learned = learn(policy_named("hedge", {}), said, labels, seed=0)
    assert learned.errors[100:].sum() == 0
    assert learned.confidences[-1] > 0.9


def test_recovery_is_when_errors_are_low_and_stay_so() -> None:
    floor = np.full(4 * FOLLOW, 0.1)
    errors = floor + np.where(np.arange(len(floor)) < 2 * FOLLOW, 0.2, 0.0)
    assert recovered(errors, floor, 100) == pytest.approx(2 * FOLLOW - 100, abs=100)
    assert recovered(floor, floor, 100) == 0
    assert recovered(floor + 0.2, floor, 100) == float("inf")


def test_stream_of_updates_is_timed_in_blocks_and_in_turns() -> None:
    stream = Stream(3, 5 * BLOCK)
    assert len(stream.times) == 5
    assert min(stream.times) > 0.0
    assert stream.slope() > 0.0


def test_curve_is_thinned_to_its_ends() -> None:
    assert thinned([0.0, 1.0, 2.0, 3.0, 4.0], 3) == ([0.0, 2.0, 4.0], [0.0, 2.0, 4.0])


def test_page_has_a_part_for_each_section() -> None:
    sections = [Section("a", "A case", "What it does.", verdicts=[at_most("c", 1, 2, "µs")]), Section("b", "B", "")]
    text = SELECTION.page(Run("python", {}, {"date": "today"}), sections)
    assert "\n## A case\n" in text
    assert "| c | ≤ 2 µs | 1 µs | reached |" in text


def test_calibration_error_is_how_far_stated_confidence_is_off() -> None:
    confidences = np.array([0.9] * 10 + [0.5] * 10)
    wrong = np.array([1.0] + [0.0] * 9 + [1.0] * 7 + [0.0] * 3)
    assert calibration_error(confidences, wrong) == pytest.approx(10.0)  # nothing and 20 points, in halves


def test_regret_is_against_the_best_model() -> None:
    best = np.full((2, ROUNDS - len(ARMS)), int(np.argmax(ARMS)))
    assert regrets(best).tolist() == [0.0, 0.0]
    assert regrets(np.zeros_like(best)).mean() > 50


def test_bandit_chooses_the_best_model_of_the_streams() -> None:
    assert (choices("thompson", 2) == np.argmax(ARMS)).mean() > 0.7


def test_groups_correct_what_everybody_says() -> None:
    one = User([1, 2] * 10, [5.0, 1.0] * 10, "Drama")
    other = User([1, 2] * 10, [1.0, 5.0] * 10, "Comedy")
    models = shared([one, other])
    assert models.mean == 3.0
    assert models.global_model(1) == pytest.approx(0.0)
    assert models.group_model(1, "Drama") > 0.5
    assert models.group_model(3, "Drama") == 0.0


def test_bodies_are_of_users_in_turn() -> None:
    made = [json.loads(body.data) for body in bodies(3, ', "label": 0', users=2)]
    assert [body["context"] for body in made] == ["user-0", "user-1", "user-0"]
    assert all(len(body["input"]) == WIDTH and body["label"] == 0 for body in made)
