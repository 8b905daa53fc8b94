"""What one frontend counts of a model version and of a replica; plain numbers, which the edge exports."""

from clipper.core.histogram import BATCH_SIZE_BOUNDS, Histogram


class ModelMeasures:
    """What this frontend counts of one model version."""

    __slots__ = (
        "cache_hits",
        "cache_misses",
        "dropped",
        "failures",
        "joined",
        "predictions",
        "queue_s",
        "rejected",
        "shed",
    )

    def __init__(self) -> None:
        self.predictions = 0
        self.failures = 0
        self.cache_hits = 0
        self.cache_misses = 0
        self.joined = 0
        self.dropped = 0
        self.rejected = 0
        self.shed = 0
        self.queue_s = Histogram()


class ReplicaMeasures:
    """What this frontend counts of one replica."""

    __slots__ = ("batch_size", "batches", "compute_s", "failures", "lost_batches", "round_trip_s", "stalls")

    def __init__(self) -> None:
        self.batches = 0
        self.failures = 0
        self.lost_batches = 0
        self.stalls = 0
        self.batch_size = Histogram(BATCH_SIZE_BOUNDS)
        self.compute_s = Histogram()
        self.round_trip_s = Histogram()
