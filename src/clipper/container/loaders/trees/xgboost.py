"""XGBoost's boosters, from their JSON or binary JSON."""

import json
from pathlib import Path
from typing import Any

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.container.loaders.trees.objectives import both_scores, labels_of
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_CLASSES_THEMSELVES = ("multi:softmax", "binary:hinge")


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """Labels by the objective it was trained for, probabilities, or the margins before they become them.

    Raises INVALID_ARGUMENT for a file that XGBoost cannot read.
    """
    import xgboost

    try:
        booster = xgboost.Booster(model_file=str(folder / manifest.entry))
    except xgboost.core.XGBoostError as error:  # its message goes on with a stack of C++
        reason = str(error).partition("\n")[0]
        raise invalid(f"{manifest.entry} is no model that XGBoost can read: {reason}") from None
    booster.set_param({"nthread": manifest.threads})
    objective = json.loads(booster.save_config())["learner"]["learner_train_param"]["objective"]
    margins = manifest.output == "raw"

    def predict(inputs: Any) -> Any:
        scores = booster.inplace_predict(inputs, predict_type="margin" if margins else "value")
        if margins or objective in _CLASSES_THEMSELVES or not objective.startswith(("multi:", "binary:")):
            return scores
        if manifest.output == "scores":
            return scores if objective == "binary:logitraw" else both_scores(scores)
        return labels_of(scores, manifest.classes, 0.0 if objective == "binary:logitraw" else 0.5)

    return LoadedModel(predict, example, (booster.num_features(),), booster)
