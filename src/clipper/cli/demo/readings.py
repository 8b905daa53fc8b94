"""What the server says of itself: one scrape of `/metrics`, and the difference between two."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class ModelReading:
    """One version of a model since the server's start, or since an earlier reading.

    Attributes:
        predictions: inputs that its containers answered.
        cache_hits, cache_misses: inputs asked of it that had been asked before, and that had not.
        batches, batched: batches that its present containers answered, and the inputs in them.
        compute_s: what they took for all of these.
    """

    predictions: float = 0.0
    cache_hits: float = 0.0
    cache_misses: float = 0.0
    batches: float = 0.0
    batched: float = 0.0
    compute_s: float = 0.0

    @property
    def mean_batch(self) -> float:
        """Inputs in one batch."""
        return self.batched / self.batches if self.batches else 0.0

    @property
    def mean_compute_s(self) -> float:
        """Inside the container, for one batch."""
        return self.compute_s / self.batches if self.batches else 0.0

    @property
    def asked(self) -> float:
        """Inputs asked of it, those in flight already left out."""
        return self.cache_hits + self.cache_misses

    @property
    def hit_share(self) -> float:
        """Of what was asked of it, the share that the cache answered."""
        return self.cache_hits / self.asked if self.asked else 0.0

    def since(self, earlier: "ModelReading") -> "ModelReading":
        """What has happened after an earlier reading."""
        return ModelReading(
            self.predictions - earlier.predictions,
            self.cache_hits - earlier.cache_hits,
            self.cache_misses - earlier.cache_misses,
            self.batches - earlier.batches,
            self.batched - earlier.batched,
            self.compute_s - earlier.compute_s,
        )


@dataclass(frozen=True, slots=True)
class Readings:
    """One scrape.

    Attributes:
        models: by (name, version).
        feedback: how much of the feedback found a model (right, wrong), by its name.
    """

    models: Mapping[tuple[str, str], ModelReading]
    feedback: Mapping[str, tuple[float, float]]

    def model(self, name: str, version: str) -> ModelReading:
        """Of one version; zeros before its first query."""
        return self.models.get((name, version), ModelReading())

    def observed_accuracy(self, name: str, earlier: "Readings | None" = None) -> float | None:
        """How often a model was right where feedback told; None before any."""
        right, wrong = self.feedback.get(name, (0.0, 0.0))
        if earlier is not None:
            before = earlier.feedback.get(name, (0.0, 0.0))
            right, wrong = right - before[0], wrong - before[1]
        return right / (right + wrong) if right + wrong else None


NOTHING = Readings({}, {})

_FIELD = {
    "clipper_model_predictions_total": "predictions",
    "clipper_model_cache_hits_total": "cache_hits",
    "clipper_model_cache_misses_total": "cache_misses",
    "clipper_replica_batch_size_count": "batches",
    "clipper_replica_batch_size_sum": "batched",
    "clipper_replica_compute_seconds_sum": "compute_s",
}


def read(text: str, application: str) -> Readings:
    """What a scrape in the Prometheus text format says of one application's models, all frontends together."""
    models: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    feedback: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for family in text_string_to_metric_families(_relevant(text)):
        for name, labels, value, *_ in family.samples:
            if name in _FIELD:
                models[labels["model"], labels["version"]][_FIELD[name]] += value
            elif name == "clipper_model_feedback_total" and labels["application"] == application:
                feedback[labels["model"]][labels["right"] == "false"] += value
    return Readings(
        {key: ModelReading(**fields) for key, fields in models.items()},
        {name: (right, wrong) for name, (right, wrong) in feedback.items()},
    )


def _relevant(text: str) -> str:
    """Without the buckets of histograms: nine lines in ten, which would only cost time here."""
    return "\n".join(line for line in text.splitlines() if "_bucket{" not in line) + "\n"
