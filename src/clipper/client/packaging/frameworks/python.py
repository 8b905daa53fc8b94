"""Functions of a batch, and objects with a method that is one, pickled by value with cloudpickle."""

from pathlib import Path

from clipper.client.packaging.closures import dump_function
from clipper.client.packaging.frameworks import Artifact

PACKAGES = ("cloudpickle", "numpy")


def recognise(model: object) -> Artifact | None:
    """Whatever can be called with a batch of inputs, or has a method `predict_batch` or `predict` for that."""
    if isinstance(model, type | Path):
        return None
    if callable(model) or callable(getattr(model, "predict_batch", None)):
        return artifact_of(model)
    predict = getattr(model, "predict", None)
    return artifact_of(predict) if callable(predict) else None


def artifact_of(function: object) -> Artifact:
    """`function`, with the operator's own code that it needs. Raises INVALID_ARGUMENT if it cannot be pickled."""
    return Artifact(
        framework="python",
        entry="function.pkl",
        files={"function.pkl": dump_function(function)},
        packages=PACKAGES,
    )
