"""What an application and a model version may be set to, and changes of that while they are served."""

from math import isfinite
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from clipper.core.errors import invalid
from clipper.registry.entities import ADAPTIVE_BATCH_SIZE, AUTO_BATCH_DELAY_MS, Application, Model, Snapshot

BATCHINGS = ("none", "fixed", "aimd", "quantile", "deadline")
"""The ways to size batches, by name."""

MAX_PRIORITY = 9

MAX_DISAGREEMENT = 0.5
"""Not reached: of answers of which half may be wrong, none is worth having."""

MAX_BATCH_DELAY_MS = 1000.0
"""Above any useful wait: whole latency objectives are shorter."""


class ApplicationChange(msgspec.Struct, frozen=True, kw_only=True):
    """New values for settings of an application; None leaves one as it is.

    Attributes:
        policy: to be checked by who knows policies, as is `policy_config`, which replaces all of the old one.
        starts_anew: whether what was learned so far is not to be used any longer.
    """

    policy: str | None = None
    policy_config: dict[str, Any] | None = None
    starts_anew: bool = False
    priority: int | None = None
    cache: bool | None = None
    cache_ttl_s: float | None = None
    max_disagreement: float | None = None
    batching: str | None = None
    confidence_threshold: float | None = None

    def applied_to(self, application: Application) -> Application:
        """`application` with what is new. Raises INVALID_ARGUMENT if nothing is."""
        if self.starts_anew:
            application = replace(application, epoch=application.epoch + 1)
        return replace(application, **_new(self))


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """New values for settings of a model version; None leaves one as it is."""

    batch_size: int | None = None
    batching: str | None = None
    batch_delay_ms: float | None = None

    def applied_to(self, model: Model) -> Model:
        """`model` with what is new. Raises INVALID_ARGUMENT if nothing is."""
        return replace(model, **_new(self))


def batching_of(model: Model, snapshot: Snapshot) -> str:
    """How the batches of a version are to be sized, "" for the server's default.

    Where it does not say itself and applications that are linked to it do, the one with the tightest objective decides,
    since its queries are those that the batches have to suit.
    """
    if model.batching:
        return model.batching
    if model.batch_size > 0:
        return "fixed"
    saying = [each for each in snapshot.applications.values() if each.batching and model.name in each.models]
    return min(saying, key=lambda each: (each.latency_slo_micros, each.name)).batching if saying else ""


def check_application_settings(application: Application) -> None:
    """Refuse what an application cannot be set to. Raises ClipperError INVALID_ARGUMENT."""
    if application.latency_slo_micros <= 0:
        raise invalid(f"Invalid latency_slo_micros {application.latency_slo_micros}: expected at least 1")
    if not 0 <= application.priority <= MAX_PRIORITY:
        raise invalid(f"Invalid priority {application.priority}: expected 0 to {MAX_PRIORITY}, the highest goes first")
    if not (isfinite(application.cache_ttl_s) and application.cache_ttl_s >= 0):
        raise invalid(
            f"Invalid cache_ttl_s {application.cache_ttl_s:g}: expected seconds, or 0 to keep outputs for ever"
        )
    if not 0 <= application.max_disagreement < MAX_DISAGREEMENT:
        raise invalid(
            f"Invalid max_disagreement {application.max_disagreement:g}: expected a share from 0 to below "
            f"{MAX_DISAGREEMENT:g}; 0 takes no answer from a similar input"
        )
    if not 0 <= application.confidence_threshold <= 1:
        raise invalid(
            f"Invalid confidence_threshold {application.confidence_threshold:g}: expected 0 to 1; 0 takes every answer"
        )
    _check_batching(application.batching)
    if application.batching == "fixed":
        raise invalid("Invalid batching 'fixed' of an application: expected it of a model, together with a batch_size")


def check_model_settings(model: Model) -> None:
    """Refuse what a model version cannot be set to. Raises ClipperError INVALID_ARGUMENT."""
    if model.batch_size != ADAPTIVE_BATCH_SIZE and model.batch_size <= 0:
        raise invalid(f"Invalid batch_size {model.batch_size}: expected at least 1, or -1 for an adaptive one")
    _check_batching(model.batching)
    if model.batching == "fixed" and model.batch_size <= 0:
        raise invalid(f"Invalid batch_size {model.batch_size}: expected at least 1 with batching 'fixed'")
    if model.batch_delay_ms != AUTO_BATCH_DELAY_MS and not 0 <= model.batch_delay_ms <= MAX_BATCH_DELAY_MS:
        raise invalid(
            f"Invalid batch_delay_ms {model.batch_delay_ms:g}: expected 0 to {MAX_BATCH_DELAY_MS:g} ms, "
            "or -1 to wait where it pays"
        )


def _check_batching(name: str) -> None:
    if name and name not in BATCHINGS:
        raise invalid(f"Invalid batching '{name}': expected one of {', '.join(BATCHINGS)}, or '' for the default")


def _new(change: ApplicationChange | ModelChange) -> dict[str, object]:
    new = {name: value for name, value in asdict(change).items() if value is not None}
    if not (new.pop("starts_anew", False) or new):
        names = [name for name in change.__struct_fields__ if name != "starts_anew"]
        raise invalid(f"Nothing to change: expected at least one of {', '.join(names)}")
    return new
