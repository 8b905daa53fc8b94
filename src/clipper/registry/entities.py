"""What exists, as plain values: applications, model versions, running replicas."""

from enum import StrEnum
from typing import Any

import msgspec

from clipper.core.inputs import InputType

ADAPTIVE_BATCH_SIZE = -1
"""The original's value for «let the server choose the batch size»."""


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A named endpoint.

    Attributes:
        default_output: the text answered when nothing good enough arrived by the deadline.
        latency_slo_micros: the latency objective of every query, in microseconds.
        policy: the selection policy's name.
        policy_config: that policy's own settings.
        models: names of the linked models, in the order in which they were linked.
    """

    name: str
    input_type: InputType
    default_output: str
    latency_slo_micros: int
    policy: str = "majority"
    policy_config: dict[str, Any] = {}
    models: tuple[str, ...] = ()


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model.

    Attributes:
        batch_size: the largest batch a replica is sent (fixed), or -1: adaptive.
        container_name: the image or environment that serves it, as the original's field; informational.
        model_data_path: where the operator had its data; informational.
        bundle: digest of the uploaded bundle, or None for a model whose containers are started by hand.
        replicas: how many replicas should run.
        previous: the version that was current when this one became current, if any: where a roll-back goes.
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

    def current_model(self, name: str) -> Model | None:
        """The current version of model `name`."""
        version = self.current.get(name)
        return None if version is None else self.models.get((name, version))

    def replicas_of(self, name: str, version: str) -> list[Replica]:
        """The replicas of one version, oldest first."""
        return [each for each in self.replicas.values() if (each.model, each.version) == (name, version)]

    def next_replica_id(self, name: str, version: str) -> int:
        """The id for a new replica of one version; the first is 0."""
        recorded = (each.replica_id for each in self.replicas_of(name, version))
        return max(self.last_replica_ids.get((name, version), -1), *recorded, -1) + 1
