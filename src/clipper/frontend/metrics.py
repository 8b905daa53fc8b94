"""What one frontend has counted, as Prometheus metric families.

The hot path only increments plain numbers; they become samples here, when somebody asks.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from clipper.core.histogram import Histogram
from clipper.engine.engine import Engine

_APPLICATION = ["application"]
_MODEL = ["model", "version"]
_REPLICA = ["model", "version", "replica"]


class EngineCollector(Collector):
    """Reads an engine's measures at each scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """All families, of applications, models, replicas and the cache."""
        yield from self._applications()
        yield from self._models()
        yield from self._replicas()
        yield from self._cache()

    def _applications(self) -> Iterator[Metric]:
        measures = [([name], each) for name, each in self._engine.measures.items()]
        yield _counter(
            "clipper_queries", "Queries answered.", _APPLICATION, ((key, each.queries) for key, each in measures)
        )
        yield _counter(
            "clipper_default_predictions",
            "Queries answered with the default output, by why.",
            [*_APPLICATION, "reason"],
            (([*key, reason], count) for key, each in measures for reason, count in each.defaults.items()),
        )
        yield _histogram(
            "clipper_query_latency_seconds",
            "From the arrival of a query to its answer.",
            _APPLICATION,
            ((key, each.latency_s) for key, each in measures),
        )
        yield _counter(
            "clipper_feedback", "Feedback acknowledged.", _APPLICATION, ((key, each.feedback) for key, each in measures)
        )
        yield _counter(
            "clipper_model_feedback",
            "Feedback that told whether a model's output was the true one.",
            [*_APPLICATION, "model", "right"],
            (
                ([*key, model, str(right).lower()], count)
                for key, each in measures
                for (model, right), count in each.judged.items()
            ),
        )

    def _models(self) -> Iterator[Metric]:
        models = [([each.name, each.version], each) for each in self._engine.models.values()]
        counted = [(key, each.measures) for key, each in models]
        for name, help_text, attribute in (
            ("clipper_model_predictions", "Inputs that containers answered.", "predictions"),
            ("clipper_model_failures", "Inputs on which the model failed.", "failures"),
            ("clipper_model_cache_hits", "Inputs answered from the prediction cache.", "cache_hits"),
            ("clipper_model_cache_misses", "Inputs that had to be evaluated.", "cache_misses"),
            ("clipper_model_joined", "Inputs that joined an evaluation in flight.", "joined"),
            ("clipper_model_shed", "Inputs refused on arrival: an answer in time was not possible any more.", "shed"),
            ("clipper_model_dropped", "Inputs dropped from the queue: too late, or nobody waited.", "dropped"),
            ("clipper_model_rejected", "Inputs refused because the queue was full.", "rejected"),
        ):
            yield _counter(name, help_text, _MODEL, [(key, getattr(each, attribute)) for key, each in counted])
        yield from self._approximate()
        yield _gauge(
            "clipper_model_queue_length", "Inputs waiting.", _MODEL, ((key, each.queue_length) for key, each in models)
        )
        yield _histogram(
            "clipper_model_queue_seconds",
            "Waiting in the queue, of the oldest input of each batch.",
            _MODEL,
            ((key, each.queue_s) for key, each in counted),
        )

    def _approximate(self) -> Iterator[Metric]:
        caches = [
            ([model.name, model.version], model.approximate)
            for model in self._engine.models.values()
            if model.approximate is not None
        ]
        yield _counter(
            "clipper_model_approximate_hits",
            "Inputs answered by what was said of a similar one.",
            _MODEL,
            ((key, each.hits) for key, each in caches),
        )
        yield _counter(
            "clipper_model_approximate_checked",
            "Those of them that the model was asked too.",
            _MODEL,
            ((key, each.steering.sampled) for key, each in caches),
        )
        yield _counter(
            "clipper_model_approximate_disagreements",
            "Those of them to which the model said something else.",
            _MODEL,
            ((key, each.steering.disagreements) for key, each in caches),
        )
        yield _gauge(
            "clipper_model_approximate_threshold",
            "How near a similar input has to be; 0 while none is near enough.",
            _MODEL,
            ((key, each.steering.threshold) for key, each in caches),
        )

    def _replicas(self) -> Iterator[Metric]:
        replicas = [
            ([model.name, model.version, str(each.replica_id)], each)
            for model in self._engine.models.values()
            for each in model.replicas.values()
        ]
        measures = [(key, each.measures) for key, each in replicas]
        yield _gauge(
            "clipper_replica_connected", "1 if linked.", _REPLICA, ((key, int(each.ready)) for key, each in replicas)
        )
        yield _gauge(
            "clipper_replica_batch_limit",
            "The largest batch that its controller allows now.",
            _REPLICA,
            ((key, each.batch_limit) for key, each in replicas),
        )
        yield _counter(
            "clipper_replica_lost_batches",
            "Batches that were in flight when the link was lost.",
            _REPLICA,
            ((key, each.lost_batches) for key, each in measures),
        )
        yield _counter(
            "clipper_replica_stalls",
            "Batches that took so much longer than expected that others were asked.",
            _REPLICA,
            ((key, each.stalls) for key, each in measures),
        )
        for name, help_text, attribute in (
            ("clipper_replica_batch_size", "Inputs in one batch.", "batch_size"),
            ("clipper_replica_compute_seconds", "A batch's time inside the container.", "compute_s"),
            ("clipper_replica_round_trip_seconds", "From sending a batch to its outcomes.", "round_trip_s"),
        ):
            yield _histogram(name, help_text, _REPLICA, [(key, getattr(each, attribute)) for key, each in measures])

    def _cache(self) -> Iterator[Metric]:
        cache = self._engine.cache
        yield _gauge("clipper_cache_bytes", "Held by the prediction cache.", [], [([], cache.used_bytes)])
        yield _gauge("clipper_cache_entries", "Cached predictions.", [], [([], len(cache))])
        yield _counter("clipper_cache_evictions", "Predictions evicted.", [], [([], cache.evictions)])


def _counter(name: str, help_text: str, labels: list[str], values: Iterable[tuple[list[str], float]]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _gauge(name: str, help_text: str, labels: list[str], values: Iterable[tuple[list[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _histogram(name: str, help_text: str, labels: list[str], values: Iterable[tuple[list[str], Histogram]]) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=labels)
    for key, histogram in values:
        bounds = [*map(str, histogram.bounds), "+Inf"]
        family.add_metric(key, list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.total)
    return family
