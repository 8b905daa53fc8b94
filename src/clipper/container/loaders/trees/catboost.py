"""CatBoost's own model files."""

from functools import partial
from pathlib import Path
from typing import Any

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.inputs import Input

_PREDICTION_TYPES = {"labels": "Class", "scores": "Probability", "raw": "RawFormulaVal"}
"""What a classifier is asked for each output."""


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The classes, probabilities or formula values of a classifier; of anything else what it predicts, or its values.

    Raises CatBoost's own error for a file it cannot read.
    """
    from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor

    path = str(folder / manifest.entry)
    if len(CatBoost().load_model(path).classes_):
        model = CatBoostClassifier().load_model(path)
        kind: str | None = _PREDICTION_TYPES[manifest.output]
    else:
        model = CatBoostRegressor().load_model(path)  # knows what its loss makes of the formula's value
        kind = _PREDICTION_TYPES["raw"] if manifest.output == "raw" else None
    predict = partial(model.predict, prediction_type=kind, thread_count=manifest.threads)

    def predict_rows(inputs: Any) -> Any:
        outputs = predict(inputs)
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    return LoadedModel(predict_rows, example, (len(model.feature_names_),), model)
