"""How often lookups are made."""

import pytest

from clipper.abstraction.approximate.effort import JUDGED, UNPAID_BURST, UNPAID_SHARE, Effort

SLOW_MODEL_S = 0.005
PER_SECOND = 2000


def effort(call_s: float) -> Effort:
    made = Effort()
    made.learn(call_s)
    return made


def look_up(made: Effort, start: float, seconds: float, *, one_hit_in: int) -> int:
    """How many queries are looked up while PER_SECOND come."""
    count = 0
    for number in range(int(seconds * PER_SECOND)):
        if made.is_due(start + number / PER_SECOND):
            count += 1
            made.note(count % one_hit_in == 0)
    return count


def test_what_pays_is_always_done() -> None:
    made = effort(SLOW_MODEL_S)
    look_up(made, 0.0, 1.0, one_hit_in=1)
    assert made.pays
    assert look_up(made, 1.0, 10.0, one_hit_in=2) == 10 * PER_SECOND


@pytest.mark.parametrize("one_hit_in", [100, 10**9])
def test_what_does_not_pay_takes_its_small_share_of_the_time(one_hit_in: int) -> None:
    made = effort(SLOW_MODEL_S)
    count = look_up(made, 0.0, 30.0, one_hit_in=one_hit_in)
    assert count * made.cost_s <= 30 * UNPAID_SHARE + UNPAID_BURST * made.cost_s
    assert count * made.cost_s >= 0.9 * 30 * UNPAID_SHARE


def test_a_model_that_is_faster_than_a_lookup_is_asked() -> None:
    made = effort(0.00005)
    look_up(made, 0.0, 5.0, one_hit_in=1)
    assert not made.pays


def test_it_does_not_pay_before_it_is_known_what_a_call_takes() -> None:
    made = Effort()
    look_up(made, 0.0, 5.0, one_hit_in=1)
    assert not made.pays
    made.learn(SLOW_MODEL_S)
    look_up(made, 5.0, 5.0, one_hit_in=1)
    assert made.pays


def test_what_pays_no_longer_is_noticed_and_so_is_what_pays_again() -> None:
    made = effort(SLOW_MODEL_S)
    look_up(made, 0.0, 1.0, one_hit_in=1)
    look_up(made, 1.0, 1.0, one_hit_in=10**9)
    assert not made.pays
    look_up(made, 2.0, 3.0, one_hit_in=1)
    assert made.pays


def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    made = effort(SLOW_MODEL_S)
    look_up(made, 0.0, 10.0, one_hit_in=10**9)
    assert sum(made.is_due(1e6) for _ in range(10 * UNPAID_BURST)) == UNPAID_BURST


def test_a_call_is_averaged() -> None:
    made = effort(0.001)
    made.learn(0.002)
    assert 0.001 < made.call_s < 0.0012
    assert JUDGED > 0
