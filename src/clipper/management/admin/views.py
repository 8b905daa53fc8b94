"""What exists, as JSON: the original's fields under the original's names, and ours beside them. Never a token."""

from typing import Any

from msgspec import to_builtins

from clipper.registry.entities import Application, Model, Replica, Snapshot


def application_view(application: Application) -> dict[str, Any]:
    """One application."""
    return {
        "name": application.name,
        "input_type": application.input_type.value,
        "default_output": application.default_output,
        "latency_slo_micros": application.latency_slo_micros,
        "policy": application.policy,
        "policy_config": application.policy_config,
        "linked_models": list(application.models),
        "priority": application.priority,
        "cache": application.cache,
        "cache_ttl_s": application.cache_ttl_s,
        "max_disagreement": application.max_disagreement,
        "batching": application.batching,
        "confidence_threshold": application.confidence_threshold,
        "epoch": application.epoch,
    }


def model_view(model: Model, snapshot: Snapshot) -> dict[str, Any]:
    """One version of a model."""
    return {
        "model_name": model.name,
        "model_version": model.version,
        "input_type": model.input_type.value,
        "labels": list(model.labels),
        "container_name": model.container_name,
        "model_data_path": model.model_data_path,
        "batch_size": model.batch_size,
        "is_current_version": snapshot.current.get(model.name) == model.version,
        "bundle": model.bundle,
        "num_replicas": model.replicas,
        "batching": model.batching,
        "batch_delay_ms": model.batch_delay_ms,
    }


def container_view(replica: Replica, snapshot: Snapshot) -> dict[str, Any]:
    """One replica."""
    model = snapshot.models.get((replica.model, replica.version))
    return {
        "model_id": f"{replica.model}:{replica.version}",
        "model_name": replica.model,
        "model_version": replica.version,
        "model_replica_id": replica.replica_id,
        "input_type": "" if model is None else model.input_type.value,
        "state": replica.state.value,
        "pid": replica.pid,
        "address": replica.address,
        "restarts": replica.restarts,
        "error": replica.error,
    }


def state_view(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that exists at one moment, under the names of the registry's entities."""
    return {
        "revision": snapshot.revision,
        "applications": [to_builtins(each) for each in snapshot.applications.values()],
        "models": [
            {**to_builtins(each), "current": snapshot.current.get(each.name) == each.version}
            for each in snapshot.models.values()
        ],
        "replicas": [_without_secrets(to_builtins(each)) for each in snapshot.replicas.values()],
    }


def _without_secrets(replica: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in replica.items() if name not in _SECRETS}


_SECRETS = frozenset({"token", "started_ticks"})
