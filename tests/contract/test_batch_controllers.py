"""What every batch controller must do, run against each, on simulated models."""

from collections.abc import Callable
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from clipper.abstraction.batching import BUDGET_SHARE, PIPELINE_DEPTH, Aimd, BatchController, Fixed
from clipper.wire.batches import MAX_BATCH

BUDGET_S = 0.006

CONTROLLERS: dict[str, Callable[[], BatchController]] = {"fixed": lambda: Fixed(64), "aimd": lambda: Aimd(BUDGET_S)}

each_controller = pytest.mark.parametrize("make", CONTROLLERS.values(), ids=CONTROLLERS)

Latency = Callable[[int], float]
"""Seconds that a model computes for a batch of that size."""


def linear(size: int) -> float:
    return size * 20e-6


def affine(size: int) -> float:
    return 0.002 + size * 40e-6


def drive(controller: BatchController, latency: Latency, batches: int, offered: int = MAX_BATCH) -> list[int]:
    """The sizes of `batches` batches, with `offered` inputs waiting each time."""
    sizes = []
    for _ in range(batches):
        size = min(offered, controller.limit())
        controller.observe(size, latency(size))
        sizes.append(size)
    return sizes


@each_controller
@settings(max_examples=40, deadline=None)
@given(observed=st.lists(st.tuples(st.integers(1, MAX_BATCH), st.floats(0, 1e12), st.floats(1e-6, 1e3))))
def test_limit_is_one_that_the_wire_can_carry(
    make: Callable[[], BatchController], observed: list[tuple[int, float, float]]
) -> None:
    controller = make()
    for size, compute_s, budget_s in observed:
        controller.retarget(budget_s)
        controller.observe(size, compute_s)
        assert 1 <= controller.limit() <= MAX_BATCH
        assert isinstance(controller.limit(), int)


@each_controller
def test_asking_for_the_limit_changes_nothing(make: Callable[[], BatchController]) -> None:
    controller = make()
    assert len({controller.limit() for _ in range(10)}) == 1


@each_controller
def test_no_limit_passes_the_wires(make: Callable[[], BatchController]) -> None:
    controller = make()
    drive(controller, lambda size: 0.0, MAX_BATCH // Aimd.INCREASE + 100)
    assert controller.limit() <= MAX_BATCH


def test_fixed_stays_whatever_happens() -> None:
    controller = Fixed(8)
    controller.retarget(1e-9)
    assert set(drive(controller, affine, 100)) == {8}
    assert Fixed(10**9).limit() == MAX_BATCH


def test_aimd_starts_with_single_inputs() -> None:
    assert Aimd(BUDGET_S).limit() == 1


@pytest.mark.parametrize(("latency", "best"), [(linear, 300), (affine, 100)])
def test_aimd_converges_to_the_largest_batch_within_the_budget(latency: Latency, best: int) -> None:
    """The saw-tooth of additive increase has its peak one step above the best size and its foot a tenth below."""
    sizes = drive(Aimd(BUDGET_S), latency, 2000)[1000:]
    assert max(sizes) <= best + Aimd.INCREASE
    assert min(sizes) >= best * Aimd.DECREASE - 1
    over = [size for size in sizes if latency(size) > BUDGET_S]
    assert len(over) / len(sizes) <= 1 / (best * (1 - Aimd.DECREASE) / Aimd.INCREASE)


def test_aimd_keeps_noise_from_missing_the_budget_often() -> None:
    """With a spread of ±20 %, at most one batch in five is over the budget: each miss costs five steps of increase."""
    rng = Random(5)
    sizes_and_times: list[tuple[int, float]] = []

    def noisy(size: int) -> float:
        sizes_and_times.append((size, linear(size) * rng.uniform(0.8, 1.2)))
        return sizes_and_times[-1][1]

    drive(Aimd(BUDGET_S), noisy, 4000)
    settled = sizes_and_times[1000:]
    assert sum(compute_s > BUDGET_S for _, compute_s in settled) / len(settled) < 0.2
    assert sum(size for size, _ in settled) / len(settled) > 150


@pytest.mark.parametrize(("before", "after"), [(1.0, 4.0), (4.0, 1.0)])
def test_aimd_follows_a_model_that_changes(before: float, after: float) -> None:
    controller = Aimd(BUDGET_S)
    drive(controller, lambda size: before * linear(size), 1000)
    sizes = drive(controller, lambda size: after * linear(size), 1000)[500:]
    best = 300 / after
    assert best * Aimd.DECREASE - 1 <= min(sizes) <= max(sizes) <= best + Aimd.INCREASE


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_aimd_follows_its_budget(factor: float) -> None:
    controller = Aimd(BUDGET_S)
    drive(controller, linear, 1000)
    controller.retarget(BUDGET_S * factor)
    sizes = drive(controller, linear, 1000)[500:]
    best = 300 * factor
    assert best * Aimd.DECREASE - 1 <= min(sizes) <= max(sizes) <= best + Aimd.INCREASE


def test_aimd_recovers_from_one_slow_batch() -> None:
    controller = Aimd(BUDGET_S)
    drive(controller, linear, 1000)
    settled = controller.limit()
    controller.observe(controller.limit(), 30.0)
    assert settled * Aimd.DECREASE - 1 <= controller.limit() < settled
    drive(controller, linear, 20)
    assert controller.limit() >= settled


def test_aimd_does_not_grow_while_load_is_low() -> None:
    controller = Aimd(BUDGET_S)
    drive(controller, linear, 10)
    reached = controller.limit()
    drive(controller, linear, 10_000, offered=3)
    assert controller.limit() == reached


def test_aimd_cuts_from_what_was_slow_not_from_what_was_allowed() -> None:
    """A batch of 5 that takes too long says nothing good of 300."""
    controller = Aimd(BUDGET_S)
    drive(controller, linear, 1000)
    controller.observe(5, 2 * BUDGET_S)
    assert controller.limit() <= 5


def test_aimd_asks_single_inputs_of_a_model_that_is_always_too_slow() -> None:
    assert set(drive(Aimd(BUDGET_S), lambda size: 1.0, 50)) == {1}


def test_budget_leaves_room_for_every_batch_a_query_may_wait_for() -> None:
    assert BUDGET_SHARE * (PIPELINE_DEPTH + 1) < 1
