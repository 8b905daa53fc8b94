"""ONNX files, run by ONNX Runtime on one thread unless the manifest says otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

OPEN = -1

_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(string)": np.object_,
}


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The graph's answer to its one input; a classifier's labels and probabilities are told apart by their types.

    Raises INVALID_ARGUMENT for a graph of several inputs, and what ONNX Runtime raises for a file that is none.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = manifest.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; what it warns of concerns who exported the graph
    session = onnxruntime.InferenceSession(str(folder / manifest.entry), options, ["CPUExecutionProvider"])
    described = session.get_inputs()
    if len(described) != 1:
        names = ", ".join(each.name for each in described)
        raise invalid(f"The graph has {len(described)} inputs ({names}); a model that is served has one: its batch")
    dimensions = described[0].shape or [OPEN]
    batch_size, *shape = (size if isinstance(size, int) and size > 0 else OPEN for size in dimensions)
    dtype = _NUMPY_TYPES.get(described[0].type)
    if dtype is None:
        raise invalid(f"The graph's input is a {described[0].type}; expected one of {', '.join(_NUMPY_TYPES)}")
    choose = _chosen(manifest, [each.name for each in session.get_outputs()])

    def predict(inputs: Any) -> Any:
        return choose(session.run(None, {described[0].name: _tensor(inputs, dtype, len(shape))}))

    if batch_size != OPEN:
        return LoadedModel(bucketed(predict, [batch_size]), example, tuple(shape), session)
    return LoadedModel(predict, example, tuple(shape) if dtype is not np.object_ else (), session)


def _tensor(inputs: Any, dtype: Any, dimensions: int) -> Any:
    """Texts go in as one column where the graph wants a row for each; sequences that differ in length cannot."""
    if isinstance(inputs, np.ndarray):
        return inputs.astype(dtype, copy=False)
    if dtype is np.object_:
        return np.array(inputs, np.object_).reshape(-1, *[1] * dimensions)
    return np.stack(inputs).astype(dtype, copy=False)


def _chosen(manifest: Manifest, names: list[str]) -> Callable[[list[Any]], Any]:
    """From the graph's outputs to the answer. A converted classifier has two: a label for each input, and scores."""
    choose = answers(manifest.output, manifest.classes)
    place = {"labels": 0, "scores": 1}.get(manifest.output)

    def answer(outputs: list[Any]) -> Any:
        if len(outputs) == 2 and place is not None and _are_labels(outputs[0]):
            return _scores(outputs[place])
        return choose({name: _scores(output) for name, output in zip(names, outputs, strict=True)})

    return answer


def _are_labels(output: Any) -> bool:
    return isinstance(output, np.ndarray) and output.ndim == 1 and output.dtype.kind in "iuOU"


def _scores(output: Any) -> Any:
    """A converter's list of {class: score} as the scores in the order of the classes."""
    if isinstance(output, list) and output and isinstance(output[0], dict):
        return np.array([list(each.values()) for each in output])
    return output
