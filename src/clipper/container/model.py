"""A loaded model: a batch of inputs in, one outcome per input out, whatever the model's own code does."""

from collections.abc import Callable
from pathlib import Path

from clipper.container.bundle import read_manifest
from clipper.container.failures import FailureLog, ModelError, Stage, model_error, summary
from clipper.container.inputs import model_inputs, single_items
from clipper.container.loaders import LoadedModel, loader_for
from clipper.container.outputs import encode_outputs
from clipper.core.errors import ClipperError
from clipper.core.inputs import Input, InputType
from clipper.core.json_inputs import input_from_json
from clipper.wire.batches import InputBatch, ItemFailure, Outcome


class Model:
    """A model in memory.

    Attributes:
        input_type: what one input is.
        example: an input that the model must be able to answer, or None if nobody knows one.
    """

    def __init__(self, loaded: LoadedModel, input_type: InputType, failures: FailureLog) -> None:
        self._predict_batch = loaded.predict_batch
        self._failures = failures
        self.input_type = input_type
        self.example = loaded.example

    def predict(self, batch: InputBatch) -> list[Outcome]:
        """One outcome for each input. If the whole batch fails, its inputs are tried one by one, so that one bad
        input does not fail its batch-mates. Never raises for what the model does, `sys.exit()` included.
        """
        try:
            return self.predict_or_raise(batch)
        except (Exception, SystemExit) as error:
            self._failures.write(f"Predicting a batch of {batch.size}", error)
            if batch.size == 1:
                return [ItemFailure(summary(error))]
        return [self.predict(item)[0] for item in single_items(batch)]

    def predict_or_raise(self, batch: InputBatch) -> list[Outcome]:
        """One outcome for each input. Raises what the model raises."""
        return encode_outputs(self._predict_batch(model_inputs(batch)), batch.size)


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
        loaded = loader_for(manifest.framework).load(folder, manifest, example)
    except ClipperError as error:
        raise ModelError(Stage.LOAD, error.message, error.detail) from None
    except (Exception, SystemExit) as error:
        raise model_error(Stage.LOAD, f"Loading {entry}", error) from error
    return Model(loaded, manifest.input_type, FailureLog(clock))


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
