"""Spark: fitted models and pipelines of spark.ml, live or in the folder that their `save` wrote."""

import json
import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, files_below
from clipper.core.errors import invalid

PACKAGES = ("pyspark", "numpy")

_ENTRY = "model"


def recognise(model: object) -> Artifact | None:
    """A live model or a saved one. Raises INVALID_ARGUMENT for what is not fitted yet."""
    if isinstance(model, Path):
        return _from_folder(model)
    pyspark: Any = sys.modules.get("pyspark.ml")  # whoever has a model has imported it
    if pyspark is None or isinstance(model, type):
        return None
    if isinstance(model, pyspark.Estimator):
        raise invalid(f"Invalid model: this {type(model).__name__} is not fitted yet; deploy what its fit() returns")
    if not isinstance(model, pyspark.Transformer):
        return None
    live: Any = model
    return _artifact(save=lambda folder: live.write().save((folder / _ENTRY).absolute().as_uri()))


def _from_folder(folder: Path) -> Artifact | None:
    metadata = _metadata(folder)
    kind = metadata.get("class")
    if not isinstance(kind, str) or not kind.startswith(("org.apache.spark.ml.", "pyspark.ml.")):
        return None
    return _artifact(files=files_below(folder, _ENTRY))


def _metadata(folder: Path) -> dict[str, Any]:
    """What Spark wrote of the model, on the first line of a text file; empty if it did not."""
    for path in sorted((folder / "metadata").glob("part-*")):
        try:
            document = json.loads(path.read_text().partition("\n")[0])
        except ValueError:
            continue
        if isinstance(document, dict):
            return document
    return {}


def _artifact(**written: Any) -> Artifact:
    return Artifact(framework="spark", entry=_ENTRY, packages=PACKAGES, **written)
