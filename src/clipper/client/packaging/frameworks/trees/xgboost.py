"""XGBoost: boosters and its scikit-learn classes, or a file that `save_model` wrote; saved as binary JSON."""

import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, labels_as_json, not_fitted

PACKAGES = ("xgboost-cpu", "xgboost", "numpy")

_HEAD_BYTES = 64
_BEGINNINGS = (b'{"learner"', b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner")


def recognise(model: object) -> Artifact | None:
    """A live model, or a JSON or UBJSON file of one."""
    if isinstance(model, Path):
        return _from_file(model)
    xgboost = sys.modules.get("xgboost")  # whoever has a model has imported it
    if xgboost is None:
        return None
    if isinstance(model, xgboost.Booster):
        return _from_booster(model)
    return _from_estimator(model, xgboost) if isinstance(model, xgboost.XGBModel) else None


def _from_file(path: Path) -> Artifact | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head.replace(b" ", b"").replace(b"\n", b"").startswith(_BEGINNINGS) and path.suffix != ".ubj":
        return None
    entry = "model.ubj" if head[:2] == _BEGINNINGS[1][:2] else "model.json"
    return Artifact(framework="xgboost", entry=entry, files={entry: path}, packages=PACKAGES)


def _from_estimator(model: Any, xgboost: Any) -> Artifact:
    """Its classes are its own, and it predicts with the rounds up to the best one."""
    try:
        booster = model.get_booster()
    except xgboost.core.XGBoostError as error:
        raise not_fitted(model) from error
    best = booster.attr("best_iteration")
    kept = booster if best is None else booster[: int(best) + 1]
    return _from_booster(kept, labels_as_json(getattr(model, "classes_", ())))


def _from_booster(booster: Any, classes: tuple[Any, ...] = ()) -> Artifact:
    return Artifact(
        framework="xgboost",
        entry="model.ubj",
        files={"model.ubj": bytes(booster.save_raw("ubj"))},
        packages=PACKAGES,
        input_shape=(int(booster.num_features()),),
        classes=classes,
    )
