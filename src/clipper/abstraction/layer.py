"""What all model versions of one frontend share."""

from dataclasses import dataclass, field

from clipper.abstraction.cache import CacheConfig, PredictionCache
from clipper.abstraction.link import LinkConfig
from clipper.abstraction.queue import QueueConfig
from clipper.core.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLayerConfig:
    """Settings of the model abstraction layer."""

    cache: CacheConfig = field(default_factory=CacheConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    link: LinkConfig = field(default_factory=LinkConfig)
    batching: str = "deadline"
    """How batches are sized where neither the model nor its application says."""


@dataclass(frozen=True)
class ModelLayer:
    """What all model versions of one frontend share; `peer` is what the frontend calls itself to containers."""

    config: ModelLayerConfig
    cache: PredictionCache
    peer: str
    clock: Clock
