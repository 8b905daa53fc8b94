"""LightGBM's boosters, from their text."""

import re
from pathlib import Path
from typing import Any

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.container.loaders.trees.objectives import both_scores, labels_of
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_OBJECTIVE = re.compile(r"^objective=(\S+)", re.MULTILINE)
_END = "\nend of trees\n"
_CLASSIFIERS = frozenset({"binary", "multiclass", "multiclassova", "cross_entropy"})


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """Labels by the objective it was trained for, probabilities, or the scores before they become them.

    Raises INVALID_ARGUMENT for a file that is not whole, and what LightGBM raises for one that it cannot read.
    """
    import lightgbm

    text = (folder / manifest.entry).read_text(errors="replace")
    if _END not in text:  # LightGBM would end the process
        raise invalid(f"{manifest.entry} is not a whole text model of LightGBM: it has no line {_END.strip()!r}")
    booster = lightgbm.Booster(model_str=text)
    found = _OBJECTIVE.search(text)
    classifies = found is not None and found.group(1) in _CLASSIFIERS
    raw = manifest.output == "raw"

    def predict(inputs: Any) -> Any:
        scores = booster.predict(inputs, raw_score=raw, num_threads=manifest.threads)
        if raw or not classifies:
            return scores
        return both_scores(scores) if manifest.output == "scores" else labels_of(scores, manifest.classes, 0.5)

    return LoadedModel(predict, example, (booster.num_feature(),), booster)
