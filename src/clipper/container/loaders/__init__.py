"""How the model in a bundle becomes a function over a batch: one small module per framework, in one table.

A loader imports its framework when it is called, so that a container loads nothing its model does not need. To add a
framework, write `load` in a module of its own and name it here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from clipper.container.bundle import Manifest
from clipper.core.errors import invalid
from clipper.core.inputs import Input


@dataclass(frozen=True)
class LoadedModel:
    """What a loader gives.

    Attributes:
        predict_batch: from a batch of inputs (see `container.batches.inputs`) to a sequence of as many outputs.
        example: one input the model must be able to answer, or None if nobody knows one.
        input_shape: the dimensions of one input, -1 for one of any length; inputs that do not fit never reach
            `predict_batch`, and those of the right number of elements do in this shape. Empty: as they come.
        native: the framework's own object, for the operator's function of (model, inputs); None if there is none.
        batch_sizes: see the manifest's.
    """

    predict_batch: Callable[[Any], Any]
    example: Input | None
    input_shape: tuple[int, ...] = ()
    native: Any = None
    batch_sizes: tuple[int, ...] = ()


class Loader(Protocol):
    """The shape of each module in the table."""

    def load(self, folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
        """The model in the bundle `folder`. Raises what the model's own code raises, or INVALID_ARGUMENT."""


LOADERS = {
    "torch": "clipper.container.loaders.networks.torch",
    "tensorflow": "clipper.container.loaders.networks.tensorflow",
    "jax": "clipper.container.loaders.networks.jax",
    "mxnet": "clipper.container.loaders.networks.mxnet",
    "theano": "clipper.container.loaders.networks.theano",
    "catboost": "clipper.container.loaders.trees.catboost",
    "mlflow": "clipper.container.loaders.mlflow",
    "spark": "clipper.container.loaders.spark",
    "r": "clipper.container.loaders.r",
    "huggingface": "clipper.container.loaders.texts.huggingface",
    "spacy": "clipper.container.loaders.texts.spacy",
    "openinference": "clipper.container.loaders.openinference",
    "tflite": "clipper.container.loaders.networks.tflite",
    "onnx": "clipper.container.loaders.networks.onnx",
    "caffe": "clipper.container.loaders.networks.caffe",
    "xgboost": "clipper.container.loaders.trees.xgboost",
    "lightgbm": "clipper.container.loaders.trees.lightgbm",
    "vowpalwabbit": "clipper.container.loaders.vowpalwabbit",
    "htk": "clipper.container.loaders.speech.htk",
    "hmmlearn": "clipper.container.loaders.speech.hmmlearn",
    "python": "clipper.container.loaders.python",
    "sklearn": "clipper.container.loaders.sklearn",
}
"""The module that loads models of each framework."""


def loader_for(framework: str) -> Loader:
    """Raises INVALID_ARGUMENT for a framework that is not in the table."""
    if framework not in LOADERS:
        raise invalid(f"Invalid framework {framework[:80]!r}: expected one of {', '.join(LOADERS)}")
    return cast(Loader, import_module(LOADERS[framework]))
