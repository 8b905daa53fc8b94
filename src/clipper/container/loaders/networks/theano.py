"""Theano: compiled functions, pickled with what they know. They are compiled again, in C, where they are loaded."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_OPEN = -1

_FLAGS = "blas.ldflags=,base_compiledir={folder}"
"""Without BLAS of its own, which Theano finds in no Python of today: products go through NumPy's. What it compiles is
kept in the environment, for other replicas and later starts."""


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The function's answer to a batch.

    Raises INVALID_ARGUMENT for a function of several arguments, else what Theano raises.
    """
    # Theano reads this when it is imported, and knows no other way to be told.
    os.environ["THEANO_FLAGS"] = _FLAGS.format(folder=Path(sys.prefix, "theano"))  # noqa: TID251
    import theano

    with (folder / manifest.entry).open("rb") as stream:
        function = pickle.load(stream)  # noqa: S301  an operator uploaded this bundle to be run
    if not isinstance(function, theano.compile.Function):
        raise invalid(f"{manifest.entry} holds a {type(function).__name__}, expected what theano.function returned")
    kinds = [each.variable.type for each in function.maker.inputs if not each.implicit]
    if len(kinds) != 1 or kinds[0].ndim == 0:
        found = ", ".join(map(str, kinds)) or "nothing"
        raise invalid(f"The function takes {found}; expected one array, whose first dimension is the batch")
    dtype, shape = np.dtype(kinds[0].dtype), (_OPEN,) * (kinds[0].ndim - 1)
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        outputs = function(np.asarray(inputs, dtype))
        return choose(tuple(outputs) if isinstance(outputs, list) else outputs)

    return LoadedModel(predict, example, shape, function)
