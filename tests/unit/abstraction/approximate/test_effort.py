"""How often lookups are made."""

from clipper.abstraction.approximate.effort import JUDGED, MAX_PERIOD, MAX_UNPAID, Effort


def look_up(effort: Effort, queries: int, *, hit: bool, promising: bool = False) -> int:
    """How many of so many queries are looked up."""
    count = 0
    for _ in range(queries):
        if effort.is_due():
            effort.note(hit, promising)
            count += 1
    return count


def test_what_pays_goes_on() -> None:
    assert look_up(Effort(), 100_000, hit=True) == 100_000


def test_what_does_not_pay_soon_costs_almost_nothing() -> None:
    effort = Effort()
    assert look_up(effort, 100_000, hit=False) < JUDGED + 2500
    assert look_up(effort, 500_000, hit=False) < 2 * 500_000 / MAX_PERIOD
    assert effort.period == MAX_PERIOD


def test_what_promises_much_may_take_longer_but_not_for_ever() -> None:
    effort = Effort()
    assert look_up(effort, MAX_UNPAID, hit=False, promising=True) == MAX_UNPAID
    assert look_up(effort, 50_000, hit=False, promising=True) < 2500


def test_probes_that_hit_turn_it_on_again() -> None:
    effort = Effort()
    look_up(effort, 1_000_000, hit=False)
    look_up(effort, 300 * MAX_PERIOD, hit=True)
    assert effort.period == 1


def test_one_hit_in_five_pays_and_one_in_fifty_does_not() -> None:
    for share, period in ((5, 1), (50, 16)):
        effort = Effort()
        for number in range(JUDGED):
            assert effort.is_due()
            effort.note(number % share == 0, promising=False)
        assert effort.period == period
