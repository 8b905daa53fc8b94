"""Rates and quantiles come out of two looks at the metrics, as Prometheus would compute them."""

from math import inf, isnan

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from clipper.cli.measures import Measures, latency_quantile, rate, read_measures

NOTHING = Measures(0.0)


def look(**latency: float) -> Measures:
    bounds = {"le1": 0.001, "le5": 0.005, "le10": 0.010, "inf": inf}
    return Measures(1.0, {"a": 0.0}, {}, {"a": {bounds[name]: count for name, count in latency.items()}})


def test_frontends_are_added_up() -> None:
    registry = CollectorRegistry()
    queries = Counter("clipper_queries", ".", ["application", "frontend"], registry=registry)
    defaults = Counter("clipper_default_predictions", ".", ["application", "reason", "frontend"], registry=registry)
    latency = Histogram(
        "clipper_query_latency_seconds", ".", ["application", "frontend"], buckets=[0.001, 0.01], registry=registry
    )
    predictions = Counter("clipper_model_predictions", ".", ["model", "version", "frontend"], registry=registry)
    for frontend in ("0", "1"):
        queries.labels("a", frontend).inc(3)
        defaults.labels("a", "late", frontend).inc()
        defaults.labels("a", "no models", frontend).inc()
        latency.labels("a", frontend).observe(0.005)
        predictions.labels("svm", "1", frontend).inc(2)
    read = read_measures(generate_latest(registry).decode(), 5.0)
    assert (read.at_s, read.queries, read.defaults) == (5.0, {"a": 6.0}, {"a": 4.0})
    assert read.latency == {"a": {0.001: 0.0, 0.01: 2.0, inf: 2.0}}
    assert read.predictions == {("svm", "1"): 4.0}


def test_rate_is_what_came_between_two_looks() -> None:
    before, after = Measures(10.0, {"a": 100.0}), Measures(12.0, {"a": 150.0})
    assert rate(before, after, "a") == 25.0
    assert rate(before, after, "unknown") == 0.0
    assert rate(after, before, "a") == 0.0
    assert rate(before, before, "a") == 0.0
    assert rate(Measures(0.0, {"a": 100.0}), Measures(1.0, {"a": 5.0}), "a") == 0.0


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [(0.25, 0.0005), (0.5, 0.001), (0.75, 0.003), (0.99, 0.00492), (1.0, 0.005)],
)
def test_quantile_is_interpolated_in_its_bucket(quantile: float, expected: float) -> None:
    after = look(le1=10, le5=20, le10=20, inf=20)
    assert latency_quantile(NOTHING, after, "a", quantile) == pytest.approx(expected)


def test_quantile_counts_only_what_came_between() -> None:
    before, after = look(le1=100, le5=100, inf=100), look(le1=100, le5=110, inf=110)
    assert latency_quantile(before, after, "a", 0.5) == pytest.approx(0.003)


def test_quantile_above_the_last_bound_is_that_bound() -> None:
    assert latency_quantile(NOTHING, look(le1=0, le10=0, inf=5), "a", 0.99) == 0.010


def test_no_queries_have_no_quantile() -> None:
    assert isnan(latency_quantile(NOTHING, NOTHING, "a", 0.5))
    assert isnan(latency_quantile(look(le1=5, inf=5), look(le1=5, inf=5), "a", 0.5))
