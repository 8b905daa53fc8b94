"""The demo's account of queries, and its reading of `/metrics`."""

import pytest

from clipper.cli.demo.load import LATENCY_STEP_S, LATENCY_STEPS, Tally
from clipper.cli.demo.readings import NOTHING, ModelReading, read
from clipper.cli.demo.screen import share

SCRAPE = """# HELP clipper_model_predictions_total Inputs that containers answered.
# TYPE clipper_model_predictions_total counter
clipper_model_predictions_total{frontend="0",model="svm",version="1"} 30.0
clipper_model_predictions_total{frontend="1",model="svm",version="1"} 10.0
clipper_model_predictions_total{frontend="0",model="svm",version="2"} 5.0
# HELP clipper_model_cache_hits_total Inputs answered from the prediction cache.
# TYPE clipper_model_cache_hits_total counter
clipper_model_cache_hits_total{frontend="0",model="svm",version="1"} 60.0
# HELP clipper_model_cache_misses_total Inputs that had to be evaluated.
# TYPE clipper_model_cache_misses_total counter
clipper_model_cache_misses_total{frontend="0",model="svm",version="1"} 40.0
# HELP clipper_replica_batch_size Inputs in one batch.
# TYPE clipper_replica_batch_size histogram
clipper_replica_batch_size_bucket{frontend="0",model="svm",replica="0",version="1",le="+Inf"} 8.0
clipper_replica_batch_size_count{frontend="0",model="svm",replica="0",version="1"} 8.0
clipper_replica_batch_size_sum{frontend="0",model="svm",replica="0",version="1"} 40.0
# HELP clipper_model_feedback_total Feedback that told whether a model's output was the true one.
# TYPE clipper_model_feedback_total counter
clipper_model_feedback_total{application="digits",frontend="0",model="svm",right="true"} 9.0
clipper_model_feedback_total{application="digits",frontend="0",model="svm",right="false"} 1.0
clipper_model_feedback_total{application="other",frontend="0",model="svm",right="false"} 5.0
"""


def tally_of(*latencies_ms: float) -> Tally:
    tally = Tally()
    for each in latencies_ms:
        tally.sent += 1
        tally.answered += 1
        tally.count_latency(each / 1000)
    return tally


def test_quantiles_are_the_latency_not_exceeded() -> None:
    tally = tally_of(*range(1, 101))
    assert tally.quantile_s(0.5) == pytest.approx(0.050, abs=2 * LATENCY_STEP_S)
    assert tally.quantile_s(0.99) == pytest.approx(0.099, abs=2 * LATENCY_STEP_S)


def test_quantile_of_nothing_is_zero() -> None:
    assert Tally().quantile_s(0.99) == 0.0


def test_latency_past_the_last_step_is_counted_in_it() -> None:
    assert tally_of(1e6).quantile_s(0.5) > LATENCY_STEPS * LATENCY_STEP_S


def test_latency_below_zero_is_counted_as_none() -> None:
    assert tally_of(-1).quantile_s(0.5) == LATENCY_STEP_S


def test_share_within_an_objective() -> None:
    assert tally_of(5, 15, 25, 35).share_within(0.020) == 0.5


def test_difference_of_two_moments_has_only_what_happened_between() -> None:
    tally = tally_of(1, 1, 1)
    before = tally.copy()
    tally.sent += 1
    tally.count_latency(0.030)
    tally.answered += 1
    later = tally.since(before)
    assert (later.sent, later.answered, later.unanswered) == (1, 1, 0)
    assert later.quantile_s(0.01) > 0.029


def test_unanswered_is_what_was_sent_and_has_no_answer() -> None:
    tally = tally_of(1)
    tally.sent += 2
    assert tally.unanswered == 2


def test_scrape_adds_frontends_up() -> None:
    readings = read(SCRAPE, "digits")
    svm = readings.model("svm", "1")
    assert (svm.predictions, svm.mean_batch, svm.hit_share) == (40.0, 5.0, 0.6)
    assert readings.model("svm", "3") == ModelReading()


def test_observed_accuracy_is_of_this_application_and_since_the_earlier_scrape() -> None:
    readings = read(SCRAPE, "digits")
    assert readings.observed_accuracy("svm") == 0.9
    assert readings.observed_accuracy("svm", readings) is None
    assert NOTHING.observed_accuracy("svm") is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0 %"), (1.0, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.5, "50.0 %")]
)
def test_share_never_rounds_to_all_or_nothing(value: float, text: str) -> None:
    assert share(value) == text
