"""The first death is replaced at once; a replica that keeps dying is started ever more rarely."""

from clipper.management.config import SupervisionConfig
from clipper.management.supervision.backoff import Backoff

CONFIG = SupervisionConfig()


def delays(*ready_for_s: float) -> list[float]:
    backoff = Backoff(CONFIG)
    return [backoff.delay_s(each) for each in ready_for_s]


def test_first_death_is_replaced_at_once() -> None:
    assert delays(10.0) == [0.0]


def test_first_death_at_load_is_tried_again_at_once() -> None:
    assert delays(0.0) == [0.0]


def test_deaths_in_a_row_double_the_wait_up_to_its_maximum() -> None:
    assert delays(*[0.0] * 12) == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_short_lives_count_as_deaths_in_a_row() -> None:
    assert delays(59.9, 59.9, 59.9) == [0.0, 0.1, 0.2]


def test_healthy_minute_starts_over() -> None:
    assert delays(0.0, 0.0, 0.0, 60.0, 0.0) == [0.0, 0.1, 0.2, 0.0, 0.1]


def test_month_of_dying_does_not_overflow() -> None:
    assert delays(*[0.0] * 100_000)[-1] == CONFIG.backoff_max_s
