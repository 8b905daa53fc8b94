"""Python functions and objects, pickled by value with cloudpickle."""

import pickle
import platform
from pathlib import Path

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The function, or the `predict_batch` method of the object, that was pickled.

    Raises INVALID_ARGUMENT if another Python pickled it: its byte code means something else here.
    """
    here = ".".join(platform.python_version_tuple()[:2])
    if manifest.python != here:
        raise invalid(
            f"The function was packaged by Python {manifest.python} and this is Python {here}: byte code is not "
            f"portable between them; deploy with Python {here}"
        )
    if manifest.output != "labels":
        raise invalid(f"Invalid output {manifest.output!r}: a Python function returns what it returns; use 'labels'")
    with (folder / manifest.entry).open("rb") as stream:
        model = pickle.load(stream)  # noqa: S301  an operator uploaded this bundle to be run
    predict_batch = getattr(model, "predict_batch", model)
    if not callable(predict_batch):
        raise invalid(
            f"The bundle holds a {type(model).__qualname__}, expected a function of a batch of inputs, "
            "or an object with a method predict_batch(inputs)"
        )
    return LoadedModel(predict_batch, example, native=model)
