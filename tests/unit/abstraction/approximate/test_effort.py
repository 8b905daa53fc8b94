"""How often lookups are made."""

import pytest

from clipper.abstraction.approximate.effort import HOPELESS_SHARE, UNPAID_BURST, UNPAID_SHARE, Effort

SLOW_MODEL_S = 0.005


def effort(call_s: float) -> Effort:
    made = Effort()
    made.learn(call_s)
    return made


def look_up(made: Effort, queries: int, *, one_hit_in: int) -> int:
    """How many of so many queries are looked up."""
    count = 0
    for _ in range(queries):
        if made.skip:
            made.skip -= 1
        else:
            count += 1
            made.note(count % one_hit_in == 0)
    return count


def test_what_pays_is_always_done() -> None:
    made = effort(SLOW_MODEL_S)
    look_up(made, 1000, one_hit_in=1)
    assert made.pays
    assert look_up(made, 10_000, one_hit_in=2) == 10_000


@pytest.mark.parametrize("one_hit_in", [100, 10**9])
@pytest.mark.parametrize("call_s", [0.0003, 0.001, 0.005])
def test_what_does_not_pay_takes_its_small_share_of_the_work(call_s: float, one_hit_in: int) -> None:
    made = effort(call_s)
    queries = 50_000
    count = look_up(made, queries, one_hit_in=one_hit_in) - UNPAID_BURST
    assert not made.pays
    allowed = queries * (HOPELESS_SHARE + UNPAID_SHARE * call_s / made.cost_s)
    assert 0.5 * allowed - 2 <= count <= allowed + 1


@pytest.mark.parametrize("call_s", [0.00001, 0.0001])
def test_a_model_that_is_faster_than_a_lookup_is_asked(call_s: float) -> None:
    made = effort(call_s)
    queries = 100_000
    assert look_up(made, queries, one_hit_in=1) <= queries * HOPELESS_SHARE + 1
    assert not made.pays


def test_a_fast_model_that_becomes_slow_is_noticed() -> None:
    made = effort(0.00005)
    look_up(made, 10_000, one_hit_in=1)
    for _ in range(100):
        made.learn(SLOW_MODEL_S)
    look_up(made, 10_000, one_hit_in=1)
    assert made.pays


def test_it_does_not_pay_before_it_is_known_what_a_call_takes() -> None:
    made = Effort()
    look_up(made, 100_000, one_hit_in=1)
    assert not made.pays
    made.learn(SLOW_MODEL_S)
    look_up(made, 10_000, one_hit_in=1)
    assert made.pays


def test_what_pays_no_longer_is_noticed_and_so_is_what_pays_again() -> None:
    made = effort(SLOW_MODEL_S)
    look_up(made, 1000, one_hit_in=1)
    look_up(made, 1000, one_hit_in=10**9)
    assert not made.pays
    look_up(made, 1000, one_hit_in=1)
    assert made.pays


def test_a_call_is_averaged() -> None:
    made = effort(0.001)
    made.learn(0.002)
    assert 0.001 < made.call_s < 0.0012
