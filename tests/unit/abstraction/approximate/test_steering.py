"""The threshold against simulated models whose disagreements are known."""

from collections.abc import Callable
from math import inf, sqrt
from random import Random

import pytest

from clipper.abstraction.approximate.steering import Steering

BOUND = 0.02


def learn(steering: Steering, rng: Random, count: int, risk: Callable[[float], float]) -> None:
    """Samples at distances between 0 and 1 where the model disagrees with probability `risk(distance)`."""
    for _ in range(count):
        distance = rng.random()
        steering.observe(distance, inf, rng.random() < risk(distance))


def test_nothing_is_taken_before_enough_is_known() -> None:
    steering = Steering(BOUND, Random(1))
    learn(steering, Random(2), 200, lambda distance: 0.0)
    assert steering.threshold == 0.0
    assert not steering.accepts(0.01, inf)
    assert steering.wants_sample()


def test_everything_is_taken_where_the_model_always_agrees() -> None:
    steering = Steering(BOUND, Random(1))
    learn(steering, Random(2), 400, lambda distance: 0.0)
    assert steering.threshold > 0.95
    assert 0.05 < sum(steering.wants_sample() for _ in range(1000)) / 1000 < 0.15


@pytest.mark.parametrize("risk", [0.03, 0.1, 0.5, 1.0])
def test_nothing_is_taken_where_the_model_disagrees_too_often_everywhere(risk: float) -> None:
    opened = 0
    for seed in range(10):
        steering, rng = Steering(BOUND, Random(seed)), Random(seed + 100)
        for _ in range(100):
            learn(steering, rng, 60, lambda distance: risk)
            opened += steering.threshold > 0.0
    assert opened < 10  # of 1000: a threshold of one or two hundred lucky samples


def test_threshold_settles_where_the_disagreement_begins() -> None:
    steering = Steering(BOUND, Random(1))
    learn(steering, Random(2), 4000, lambda distance: 0.0 if distance < 0.5 else 0.4)
    assert 0.45 < steering.threshold < 0.55


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("slope", [0.02, 0.05, 0.1, 0.3])
def test_disagreement_stays_below_the_bound_whatever_the_slope(slope: float, seed: int) -> None:
    rng = Random(seed)
    steering = Steering(BOUND, rng)
    learn(steering, rng, 2000, lambda distance: slope * distance)
    taken = wrong = 0
    for _ in range(20_000):
        distance = rng.random()
        disagrees = rng.random() < slope * distance
        hit = steering.accepts(distance, inf)
        taken += hit
        wrong += hit and disagrees
        if steering.wants_sample():
            steering.observe(distance, inf, disagrees)
    assert wrong <= BOUND * taken + 3 * sqrt(BOUND * taken)  # chance has its part in who was asked just now
    if slope <= 0.05:  # else what may be taken is too little to be certain of
        assert taken > 0.25 * 20_000 * min(1.0, 2 * BOUND / slope)  # there the mean risk would be the bound


def test_a_rival_inside_the_threshold_forbids_the_answer() -> None:
    steering = Steering(BOUND, Random(1))
    learn(steering, Random(2), 400, lambda distance: 0.0)
    assert steering.accepts(0.1, 2.0)
    assert not steering.accepts(0.1, steering.threshold)
    assert not steering.accepts(0.1, 0.2)


def test_neighbours_that_disagree_with_each_other_spoil_no_threshold() -> None:
    steering, rng = Steering(BOUND, Random(1)), Random(2)
    for _ in range(4000):
        distance, torn = rng.random(), rng.random() < 0.3
        steering.observe(distance, distance + 0.01 if torn else inf, torn and rng.random() < 0.5)
    assert steering.threshold > 0.8


def test_a_model_that_changes_its_mind_closes_it_at_once() -> None:
    steering, rng = Steering(BOUND, Random(1)), Random(2)
    learn(steering, rng, 2000, lambda distance: 0.0)
    assert steering.threshold > 0.9
    asked = 0
    while steering.threshold > 0.0:
        learn(steering, rng, 1, lambda distance: 0.5)
        asked += 1
    assert asked < 40
    learn(steering, rng, 1000, lambda distance: 0.5)
    assert steering.threshold == 0.0


def test_a_stricter_bound_takes_more_samples_and_holds_too() -> None:
    steering = Steering(0.005, Random(1))
    learn(steering, Random(2), 900, lambda distance: 0.0)
    assert steering.threshold == 0.0
    learn(steering, Random(3), 1000, lambda distance: 0.0)
    assert steering.threshold > 0.9


def test_what_has_no_neighbour_opens_nothing() -> None:
    steering = Steering(BOUND, Random(1))
    for _ in range(3000):
        steering.observe(inf, inf, True)
    assert steering.threshold == 0.0
