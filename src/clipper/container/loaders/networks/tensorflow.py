"""TensorFlow: SavedModels, and Keras models in Keras' own files."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_SIGNATURE = "serving_default"
_OPEN = -1


class _Read(NamedTuple):
    """A function of one tensor, what it says of that tensor (shape None: nothing), and the framework's own object."""

    function: Callable[[Any], Any]
    shape: Any
    dtype: Any
    native: Any


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The serving signature of a SavedModel, or a Keras model called without its slow `predict`.

    Raises INVALID_ARGUMENT for a model of several inputs, else what TensorFlow raises for files it cannot read.
    """
    import tensorflow as tf

    with suppress(RuntimeError):  # a dry run in a program that has calculated with TensorFlow already
        tf.config.threading.set_intra_op_parallelism_threads(manifest.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    path = folder / manifest.entry
    read = _read_saved_model(path) if path.is_dir() else _read_keras(path)
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        return choose(_to_numpy(read.function(_to_tensor(inputs, read.dtype))))

    batch_size, shape = _sizes(read.shape)
    if batch_size:
        return LoadedModel(bucketed(predict, [batch_size]), example, shape, read.native)
    return LoadedModel(predict, example, shape, read.native)


def _read_saved_model(path: Path) -> _Read:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signatures = loaded.signatures
    name = _SIGNATURE if _SIGNATURE in signatures else next(iter(signatures), None)
    if name is None:
        raise invalid(
            "The SavedModel has no signature to serve: save it with signatures={'serving_default': ...}, or a Keras "
            "model with model.export(folder)"
        )
    signature = signatures[name]
    arguments = signature.structured_input_signature[1]
    if len(arguments) != 1:
        raise invalid(
            f"The signature {name!r} of the SavedModel takes {', '.join(arguments) or 'nothing'}, expected one tensor: "
            "give a function of (model, inputs), whose model is what tf.saved_model.load returns"
        )
    ((argument, tensor),) = arguments.items()
    return _Read(lambda batch: signature(**{argument: batch}), tensor.shape, tensor.dtype, loaded)


def _read_keras(path: Path) -> _Read:
    import keras
    import tensorflow as tf

    model = keras.models.load_model(path, compile=False)
    if len(model.inputs) != 1:
        raise invalid(
            f"The Keras model takes {len(model.inputs)} tensors, expected one: give a function of (model, inputs)"
        )
    (tensor,) = model.inputs
    described = tf.TensorSpec(tensor.shape, tensor.dtype)
    function = tf.function(lambda batch: model(batch, training=False), input_signature=[described])
    return _Read(function, described.shape, described.dtype, model)


def _sizes(shape: Any) -> tuple[int, tuple[int, ...]]:
    """The batch size, 0 if it is open, and the shape of one input, empty if it is unknown."""
    if shape is None or shape.rank is None or shape.rank == 0:
        return 0, ()
    batch_size, *sizes = shape.as_list()
    return batch_size or 0, tuple(_OPEN if size is None else size for size in sizes)


def _to_tensor(inputs: Any, dtype: Any) -> Any:
    import tensorflow as tf

    if dtype == tf.string:
        return tf.constant(inputs, tf.string)
    return tf.constant(np.asarray(inputs, dtype.as_numpy_dtype))


def _to_numpy(outputs: Any) -> Any:
    match outputs:
        case dict():
            return {name: _to_numpy(each) for name, each in outputs.items()}
        case list() | tuple():
            return tuple(map(_to_numpy, outputs))
    return outputs.numpy()
