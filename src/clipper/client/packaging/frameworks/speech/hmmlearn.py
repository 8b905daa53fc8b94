"""hmmlearn: a fitted model, or a dict from label to model, of which the likeliest answers."""

import pickle
import sys
from typing import Any

from clipper.client.packaging.frameworks import Artifact

PACKAGES = ("hmmlearn", "numpy")

_ENTRY = "model.pkl"
_OPEN = -1


def recognise(model: object) -> Artifact | None:
    """Live ones; their pickles are recognised by what is in them."""
    models: list[Any] = list(model.values()) if isinstance(model, dict) else [model]
    if not models or not all(map(_is_hmm, models)):
        return None
    return Artifact(
        framework="hmmlearn",
        entry=_ENTRY,
        files={_ENTRY: pickle.dumps(model)},
        packages=PACKAGES,
        input_shape=(_OPEN, int(models[0].n_features)),
    )


def _is_hmm(model: Any) -> bool:
    hmmlearn = sys.modules.get("hmmlearn.base")  # whoever has a model has imported it
    return hmmlearn is not None and isinstance(model, hmmlearn._AbstractHMM)
