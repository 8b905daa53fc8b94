"""CatBoost's models: live, or in the file that `save_model` writes."""

import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, not_fitted

PACKAGES = ("catboost", "numpy")

_ENTRY = "model.cbm"
_MAGIC = b"CBM1"


def recognise(model: object) -> Artifact | None:
    """A fitted model, or a .cbm file."""
    if isinstance(model, Path):
        return _from_file(model)
    catboost = sys.modules.get("catboost")  # whoever has a model has imported it
    if catboost is None or not isinstance(model, catboost.CatBoost):
        return None
    return _from_model(model)


def _from_file(path: Path) -> Artifact | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC and path.suffix != ".cbm":
            return None
    return Artifact(framework="catboost", entry=_ENTRY, files={_ENTRY: path}, packages=PACKAGES)


def _from_model(model: Any) -> Artifact:
    if not model.is_fitted():
        raise not_fitted(model)
    return Artifact(
        framework="catboost",
        entry=_ENTRY,
        save=lambda folder: model.save_model(str(folder / _ENTRY)),
        packages=PACKAGES,
        input_shape=(len(model.feature_names_),),
    )
