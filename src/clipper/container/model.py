"""A loaded model: a batch of inputs in, one outcome per input out, whatever the model's own code does."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.inputs import model_inputs, part_of, single_items
from clipper.container.batches.outputs import encode_outputs
from clipper.container.batches.shapes import InputShape
from clipper.container.bundle import Manifest, read_manifest
from clipper.container.failures import FailureLog, ModelError, Stage, model_error, summary
from clipper.container.loaders import LoadedModel, loader_for
from clipper.core.errors import ClipperError, invalid
from clipper.core.inputs import Input, InputType
from clipper.core.json_inputs import input_from_json
from clipper.wire.batches import InputBatch, ItemFailure, Outcome

WARM_UP_SIZES = (1, 2)
"""Many frameworks are slow the first time, and again with the first batch that is not of one."""


class Model:
    """A model in memory.

    Attributes:
        input_type: what one input is.
        example: an input that the model must be able to answer, or None if nobody knows one.
        warm_up_sizes: of the batches of that example that it should have answered before its first query.
    """

    def __init__(self, loaded: LoadedModel, input_type: InputType, failures: FailureLog) -> None:
        self._predict_batch = loaded.predict_batch
        self._shape = InputShape(loaded.input_shape) if loaded.input_shape else None
        self._failures = failures
        self.input_type = input_type
        self.example = loaded.example
        self.warm_up_sizes = loaded.batch_sizes or WARM_UP_SIZES

    def predict(self, batch: InputBatch) -> list[Outcome]:
        """One outcome for each input. If the whole batch fails, its inputs are tried one by one, so that one bad
        input does not fail its batch-mates. Never raises for what the model does, `sys.exit()` included.
        """
        if self._shape is not None and (misfits := self._shape.misfits(batch)):
            return self._predict_fitting(batch, misfits)
        try:
            return self.predict_or_raise(batch)
        except (Exception, SystemExit) as error:
            self._failures.write(f"Predicting a batch of {batch.size}", error)
            if batch.size == 1:
                return [ItemFailure(summary(error))]
        return [self.predict(item)[0] for item in single_items(batch)]

    def predict_or_raise(self, batch: InputBatch) -> list[Outcome]:
        """One outcome for each input. Raises what the model raises."""
        inputs: Any = model_inputs(batch)
        if self._shape is not None:
            inputs = self._shape.shaped(inputs)
        return encode_outputs(self._predict_batch(inputs), batch.size)

    def _predict_fitting(self, batch: InputBatch, misfits: dict[int, ItemFailure]) -> list[Outcome]:
        """The failures of the inputs that do not fit, and the outcomes of a batch of the others."""
        fitting = [place for place in range(batch.size) if place not in misfits]
        outcomes: dict[int, Outcome] = {**misfits}
        if fitting:
            outcomes.update(zip(fitting, self.predict(part_of(batch, fitting)), strict=True))
        return [outcomes[place] for place in range(batch.size)]


def load_model(folder: Path, clock: Callable[[], float]) -> Model:
    """The model in the bundle `folder`. Runs code from the bundle.

    Args:
        clock: seconds, monotonic; spaces out tracebacks in the log.

    Raises ModelError, with the model's traceback, if it cannot be imported or loaded.
    """
    entry = "the model"
    try:
        manifest = read_manifest(folder)
        entry = manifest.entry
        example = manifest.example
        if example is not None:
            example = input_from_json(example, manifest.input_type, "example")
        loaded = _complete(loader_for(manifest.framework).load(folder, manifest, example), folder, manifest)
    except ClipperError as error:
        raise ModelError(Stage.LOAD, error.message, error.detail) from None
    except (Exception, SystemExit) as error:
        raise model_error(Stage.LOAD, f"Loading {entry}", error) from error
    return Model(loaded, manifest.input_type, FailureLog(clock))


def _complete(loaded: LoadedModel, folder: Path, manifest: Manifest) -> LoadedModel:
    """What a loader gave, with what the manifest says for models of every framework."""
    if manifest.function:
        loaded = replace(loaded, predict_batch=_applied(folder / manifest.function, loaded))
    if manifest.batch_sizes:
        predict_batch = bucketed(loaded.predict_batch, manifest.batch_sizes)
        loaded = replace(loaded, predict_batch=predict_batch, batch_sizes=manifest.batch_sizes)
    if manifest.input_shape and manifest.input_type.dtype.is_numeric:
        loaded = replace(loaded, input_shape=manifest.input_shape)
    if loaded.input_shape and loaded.example is not None:
        shape = InputShape(loaded.input_shape)
        if not shape.fits(loaded.example.shape):
            raise invalid(f"Invalid example: {shape.refusal(loaded.example.shape)}")
    return loaded


def _applied(path: Path, loaded: LoadedModel) -> Callable[[Any], Any]:
    """The operator's function of (model, inputs) on the model that a loader gave."""
    if loaded.native is None:
        raise invalid(
            f"The bundle's function {path.name!r} cannot be used: its framework has no object to call it with"
        )
    with path.open("rb") as stream:
        function = pickle.load(stream)  # noqa: S301  an operator uploaded this bundle to be run
    return partial(function, loaded.native)


def answer_example(model: Model, example: Input, size: int) -> list[str]:
    """The outputs, as JSON texts, for a batch of `size` times the example.

    Raises ModelError, with the model's traceback if it raised, unless every one of them is an output.
    """
    doing = f"Predicting the example in a batch of {size}"
    batch = InputBatch(example.dtype, size, [example.shape], memoryview(example.payload * size))
    try:
        outcomes = model.predict_or_raise(batch)
    except (Exception, SystemExit) as error:
        raise model_error(Stage.EXAMPLE, doing, error) from error
    outputs = []
    for outcome in outcomes:
        if isinstance(outcome, ItemFailure):
            raise ModelError(Stage.EXAMPLE, f"{doing} failed: {outcome.message}")
        outputs.append(outcome.decode())
    return outputs
