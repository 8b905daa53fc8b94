"""hmmlearn: a model for each word, of which the likeliest answers; or a single one, whose states are the answer."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.inputs import Input

OPEN = -1


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """A pickled model, or a dict from label to model."""
    with (folder / manifest.entry).open("rb") as stream:
        found = pickle.load(stream)  # noqa: S301  an operator uploaded this bundle to be run
    if not isinstance(found, dict):
        return LoadedModel(lambda inputs: [found.predict(each) for each in inputs], example, _shape(found), found)
    labels, models = list(found), list(found.values())

    def predict(inputs: Any) -> Any:
        scores = np.array([[model.score(each) for model in models] for each in inputs])
        if manifest.output == "labels":
            return [labels[best] for best in scores.argmax(axis=1)]
        return scores if manifest.output == "scores" else [dict(zip(labels, each, strict=True)) for each in scores]

    return LoadedModel(predict, example, _shape(models[0]), found)


def _shape(model: Any) -> tuple[int, ...]:
    return (OPEN, int(model.n_features))
