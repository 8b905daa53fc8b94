"""What exists, as plain values: applications, model versions, running replicas."""

from enum import StrEnum
from typing import Any

import msgspec

from clipper.core.inputs import InputType

ADAPTIVE_BATCH_SIZE = -1
"""The original's value for «let the server choose the batch size»."""

AUTO_BATCH_DELAY_MS = -1.0
"""As a batch delay: «wait for company where it pays and a deadline allows»."""


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A named endpoint.

    Attributes:
        default_output: the text answered when nothing good enough arrived by the deadline.
        latency_slo_micros: the latency objective of every query, in microseconds.
        policy: the selection policy's name.
        policy_config: that policy's own settings.
        models: names of the linked models, in the order in which they were linked.
        priority: 0 to 9; where a model has more than it can do, queries of a higher one go first.
        cache: whether its queries may be answered from the prediction cache, and their outputs kept there.
        cache_ttl_s: how old a cached output may be, in seconds; 0: as old as it gets.
        max_disagreement: the share of answers, below 0.5, that may differ from the model's because they were taken from
            a similar input's; 0: only the same input's are taken.
        batching: how batches for its models are sized where the model does not say, "" for the server's default.
        confidence_threshold: the default output is answered where the policy is less sure of another, from 0 to 1.
        epoch: how often what its policy has learned was started anew.
    """

    name: str
    input_type: InputType
    default_output: str
    latency_slo_micros: int
    policy: str = "majority"
    policy_config: dict[str, Any] = {}
    models: tuple[str, ...] = ()
    priority: int = 0
    cache: bool = True
    cache_ttl_s: float = 0.0
    max_disagreement: float = 0.0
    batching: str = ""
    confidence_threshold: float = 0.0
    epoch: int = 0

    @property
    def learning(self) -> str:
        """Where what its policy learns is kept: elsewhere in each epoch, so that old and new never mix."""
        return f"{self.name}/{self.epoch}" if self.epoch else self.name


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model.

    Attributes:
        batch_size: the largest batch a replica is sent (fixed), or -1: adaptive.
        container_name: the image or environment that serves it, as the original's field; informational.
        model_data_path: where the operator had its data; informational.
        bundle: digest of the uploaded bundle, or None for a model whose containers are started by hand.
        replicas: how many replicas should run.
        previous: the version that was current when this one became current, if any: where a roll-back goes.
        batching: how its batches are sized: none, fixed (to `batch_size`), aimd, quantile or deadline. "" means fixed
            if there is a `batch_size`, else what an application linked to it says, else the server's default.
        batch_delay_ms: how long an incomplete batch waits for company, in milliseconds, or -1: where that pays.
    """

    name: str
    version: str
    input_type: InputType
    labels: tuple[str, ...] = ()
    container_name: str = ""
    model_data_path: str = ""
    batch_size: int = ADAPTIVE_BATCH_SIZE
    bundle: str | None = None
    replicas: int = 0
    previous: str = ""
    batching: str = ""
    batch_delay_ms: float = 0.0


class ReplicaState(StrEnum):
    """Where a replica is in its life."""

    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"
    """It ended by itself and will be started again after a while."""
    STOPPING = "stopping"


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One running process of one model version, as its supervisor last saw it.

    Attributes:
        replica_id: grows for each version and is never reused while the version exists.
        address: where the container listens, `unix:/path`.
        token: 64 hexadecimal digits; see the wire protocol's handshake.
        pid: its process, 0 if none.
        started_ticks: the process's start time in clock ticks since boot: with `pid`, names a process uniquely.
        restarts: how often it has ended by itself.
        error: the end of its log when it last ended by itself, else empty.
    """

    model: str
    version: str
    replica_id: int
    state: ReplicaState
    address: str
    token: str
    pid: int = 0
    started_ticks: int = 0
    restarts: int = 0
    error: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that exists at one revision; never changed, only replaced.

    Attributes:
        models: by (name, version).
        current: the current version of each model name.
        last_replica_ids: the highest replica id ever used, by (name, version).
    """

    revision: int = 0
    applications: dict[str, Application] = {}
    models: dict[tuple[str, str], Model] = {}
    current: dict[str, str] = {}
    replicas: dict[tuple[str, str, int], Replica] = {}
    last_replica_ids: dict[tuple[str, str], int] = {}

    def replicas_of(self, name: str, version: str) -> list[Replica]:
        """The replicas of one version, oldest first."""
        return [each for each in self.replicas.values() if (each.model, each.version) == (name, version)]

    def next_replica_id(self, name: str, version: str) -> int:
        """The id for a new replica of one version; the first is 0."""
        recorded = (each.replica_id for each in self.replicas_of(name, version))
        return max(self.last_replica_ids.get((name, version), -1), *recorded, -1) + 1
