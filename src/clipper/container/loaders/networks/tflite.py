"""TensorFlow Lite models, run by LiteRT; quantised ones take and answer the numbers that their integers stand for."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_OPEN = -1


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The model's answer to a batch; row by row if it was converted for single rows only.

    Raises INVALID_ARGUMENT for a model of several inputs, else what LiteRT raises for a file it cannot read.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / manifest.entry), num_threads=manifest.threads)
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        raise invalid(
            f"{manifest.entry} takes {len(inputs)} tensors, expected one: give a function of (model, inputs), whose "
            "model is the LiteRT interpreter"
        )
    network = _Network(interpreter, inputs[0])
    choose = answers(manifest.output, manifest.classes)

    def predict(batch: Any) -> Any:
        return choose(network.outputs(np.asarray(batch)))

    batch_size, *shape = map(int, inputs[0]["shape_signature"])
    if batch_size != _OPEN:
        return LoadedModel(bucketed(predict, [batch_size]), example, tuple(shape), interpreter)
    return LoadedModel(predict, example, tuple(shape), interpreter)


class _Network:
    """An interpreter, whose memory is planned anew when the shape of the batch changes."""

    def __init__(self, interpreter: Any, input_tensor: dict[str, Any]) -> None:
        self._interpreter = interpreter
        self._input = input_tensor
        self._shape: tuple[int, ...] = ()

    def outputs(self, batch: NDArray[Any]) -> Any:
        """What the network says of a batch: an array, or several by name."""
        if batch.shape != self._shape:
            self._shape = ()  # until it has worked
            self._interpreter.resize_tensor_input(self._input["index"], batch.shape)
            self._interpreter.allocate_tensors()
            self._shape = batch.shape
        self._interpreter.set_tensor(self._input["index"], _quantised(batch, self._input))
        self._interpreter.invoke()
        return {
            each["name"]: _plain(self._interpreter.get_tensor(each["index"]), each)
            for each in self._interpreter.get_output_details()
        }


def _quantised(batch: NDArray[Any], tensor: dict[str, Any]) -> NDArray[Any]:
    """https://ai.google.dev/edge/litert/models/quantization_spec: real = (integer - zero_point) * scale."""
    scale, zero_point = tensor["quantization"]
    if not scale or batch.dtype.kind != "f":
        return batch.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    integers: NDArray[Any] = np.clip(np.rint(batch / scale) + zero_point, limits.min, limits.max)
    return integers.astype(tensor["dtype"])


def _plain(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values
    numbers: NDArray[Any] = (values.astype(np.float32) - zero_point) * np.float32(scale)
    return numbers
