"""How long a replica waits for company, on simulated models."""

from math import inf

import hypothesis.strategies as st
import pytest
from hypothesis import given

from clipper.abstraction.batching import BatchController, controller_named
from clipper.abstraction.batching.delay import AUTO_S, BatchDelay
from tests.contract.simulated_models import Latency, affine, drive, linear

OBJECTIVE_S = 0.02


def learned(latency: Latency) -> BatchController:
    controller = controller_named("deadline", 0, OBJECTIVE_S)
    drive(controller, latency, 300)
    for size in range(1, 20):
        drive(controller, latency, 5, offered=size)
    return controller


def visited(delay_s: float, rate: float) -> BatchDelay:
    """After a second of batches of five."""
    delay = BatchDelay(delay_s)
    for batch in range(int(rate / 5)):
        delay.took(5, batch * 5 / rate)
    return delay


def test_fixed_delay_counts_from_the_first_arrival() -> None:
    delay = BatchDelay(0.003)
    assert delay.wait_s(1, 0.0, 0.018, learned(affine)) == pytest.approx(0.003)
    assert delay.wait_s(1, 0.002, 0.016, learned(affine)) == pytest.approx(0.001)
    assert delay.wait_s(1, 0.003, 0.015, learned(affine)) <= 0


def test_full_batch_waits_for_nobody() -> None:
    controller = learned(affine)
    assert BatchDelay(0.003).wait_s(controller.limit(inf), 0.0, 0.018, controller) <= 0


@pytest.mark.parametrize("delay_s", [0.5, AUTO_S])
def test_no_wait_makes_anybody_late(delay_s: float) -> None:
    controller = learned(affine)
    for slack_s in (0.002, 0.004, 0.008, 0.018):
        wait_s = visited(delay_s, 2000).wait_s(4, 0.0, slack_s, controller)
        assert wait_s <= 0 or slack_s - wait_s > controller.expected_s(8)


def test_auto_waits_where_a_batch_has_a_fixed_cost_and_company_comes() -> None:
    controller = learned(affine)
    assert visited(AUTO_S, 2000).wait_s(4, 0.0, 0.018, controller) == pytest.approx(0.002, rel=0.3)
    assert visited(AUTO_S, 20).wait_s(1, 0.0, 0.018, controller) <= 0
    assert BatchDelay(AUTO_S).wait_s(1, 0.0, 0.018, controller) <= 0


def test_auto_never_waits_where_batching_gains_nothing() -> None:
    assert visited(AUTO_S, 2000).wait_s(4, 0.0, 0.018, learned(linear)) <= 0


@given(
    delay_s=st.sampled_from([AUTO_S, 0.001, 10.0]),
    waiting=st.integers(1, 100_000),
    since_s=st.floats(0, 10),
    slack_s=st.floats(-10, 10),
)
def test_a_wait_never_exceeds_what_is_left(delay_s: float, waiting: int, since_s: float, slack_s: float) -> None:
    wait_s = visited(delay_s, 1000).wait_s(waiting, since_s, slack_s, controller_named("aimd", 0, OBJECTIVE_S))
    assert wait_s <= max(0.0, slack_s)
