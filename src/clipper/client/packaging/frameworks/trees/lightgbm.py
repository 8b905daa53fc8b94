"""LightGBM: boosters and its scikit-learn classes, or the text that `save_model` writes."""

import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, labels_as_json, not_fitted

PACKAGES = ("lightgbm", "numpy")

_ENTRY = "model.txt"
_BEGINNING = b"tree\nversion="


def recognise(model: object) -> Artifact | None:
    """A live model, or a text file of one."""
    if isinstance(model, Path):
        return _from_file(model)
    lightgbm = sys.modules.get("lightgbm")  # whoever has a model has imported it
    if lightgbm is None:
        return None
    if isinstance(model, lightgbm.Booster):
        return _from_booster(model)
    return _from_estimator(model, lightgbm) if isinstance(model, lightgbm.LGBMModel) else None


def _from_file(path: Path) -> Artifact | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        if stream.read(len(_BEGINNING)) != _BEGINNING:
            return None
    return Artifact(framework="lightgbm", entry=_ENTRY, files={_ENTRY: path}, packages=PACKAGES)


def _from_estimator(model: Any, lightgbm: Any) -> Artifact:
    try:
        booster = model.booster_
    except lightgbm.sklearn.LGBMNotFittedError as error:
        raise not_fitted(model) from error
    return _from_booster(booster, labels_as_json(getattr(model, "classes_", ())))


def _from_booster(booster: Any, classes: tuple[Any, ...] = ()) -> Artifact:
    return Artifact(
        framework="lightgbm",
        entry=_ENTRY,
        files={_ENTRY: booster.model_to_string().encode()},
        packages=PACKAGES,
        input_shape=(int(booster.num_feature()),),
        classes=classes,
    )
