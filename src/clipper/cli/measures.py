"""What the query frontends have measured, read from their `/metrics`: totals, rates between two looks, quantiles."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nan


@dataclass(frozen=True, slots=True)
class Measures:
    """One look, all frontends together.

    Attributes:
        at_s: when, on a monotonic clock.
        queries: answered so far, by application.
        defaults: of these with the default output.
        latency: cumulative counts by upper bound in seconds, by application.
        predictions: inputs that containers answered, by (model, version).
    """

    at_s: float
    queries: Mapping[str, float] = field(default_factory=dict)
    defaults: Mapping[str, float] = field(default_factory=dict)
    latency: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    predictions: Mapping[tuple[str, str], float] = field(default_factory=dict)


def read_measures(text: str, at_s: float) -> Measures:
    """What a scrape in the Prometheus text format says."""
    from prometheus_client.parser import text_string_to_metric_families

    queries: dict[str, float] = defaultdict(float)
    defaults: dict[str, float] = defaultdict(float)
    latency: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    predictions: dict[tuple[str, str], float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            match name:
                case "clipper_queries_total":
                    queries[labels["application"]] += value
                case "clipper_default_predictions_total":
                    defaults[labels["application"]] += value
                case "clipper_query_latency_seconds_bucket":
                    latency[labels["application"]][float(labels["le"])] += value
                case "clipper_model_predictions_total":
                    predictions[labels["model"], labels["version"]] += value
    return Measures(at_s, queries, defaults, latency, predictions)


def rate(before: Measures, after: Measures, application: str) -> float:
    """Queries per second between two looks; what a restarted frontend forgot counts as none."""
    elapsed_s = after.at_s - before.at_s
    more = after.queries.get(application, 0.0) - before.queries.get(application, 0.0)
    return max(0.0, more / elapsed_s) if elapsed_s > 0 else 0.0


def latency_quantile(before: Measures, after: Measures, application: str, quantile: float) -> float:
    """The latency in seconds below which this part of the queries between two looks lay; NaN if there was none.

    Between the bounds of a bucket it is interpolated, as Prometheus does; above the last bound it is that bound.
    """
    earlier = before.latency.get(application, {})
    buckets = sorted(
        (bound, count - earlier.get(bound, 0.0)) for bound, count in after.latency.get(application, {}).items()
    )
    if not buckets or buckets[-1][1] <= 0:
        return nan
    rank = quantile * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == inf:
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower
