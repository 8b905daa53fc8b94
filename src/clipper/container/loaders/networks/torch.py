"""PyTorch: exported programs, TorchScript, and modules as code and weights."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.inputs import Input

WEIGHTS_FILE = "weights.safetensors"
"""Beside a pickled module: its tensors, by the names that the pickle refers to."""

_OPEN = -1

_SCRIPT_TRACEBACK = "in the TorchScript interpreter"
"""Of messages that are a traceback of the script's own, of any length; the last line says why."""


class _Read(NamedTuple):
    """A module that is ready to be called, and what it says of its inputs; None, empty or 0: nothing."""

    module: Any
    dtype: Any = None
    input_shape: tuple[int, ...] = ()
    batch_size: int = 0


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The module's answer to a batch: a tensor, or a list of texts or, where their shapes differ, of tensors.

    Raises what PyTorch raises for a file it cannot read.
    """
    import torch

    torch.set_num_threads(manifest.threads)
    read = _READERS[Path(manifest.entry).suffix](folder / manifest.entry)
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        with torch.inference_mode():
            try:
                outputs = read.module(_to_tensors(inputs, read.dtype))
            except RuntimeError as error:
                if _SCRIPT_TRACEBACK in str(error):
                    raise RuntimeError(str(error).strip().rpartition("\n")[2]) from error
                raise
        return choose(_to_numpy(outputs))

    if read.batch_size:
        return LoadedModel(bucketed(predict, [read.batch_size]), example, read.input_shape, read.module)
    return LoadedModel(predict, example, read.input_shape, read.module)


def _read_exported(path: Path) -> _Read:
    """A program knows its input: its shape, its type and, if it was exported for one batch size only, that."""
    import torch

    program: Any = torch.export.load(str(path))
    name = next(iter(program.graph_signature.user_inputs), None)
    tensor = next((node.meta["val"] for node in program.graph.nodes if node.name == name), None)
    if not isinstance(tensor, torch.Tensor) or tensor.ndim == 0:
        return _Read(program.module())
    batch_size, *shape = (size if isinstance(size, int) else _OPEN for size in tensor.shape)
    return _Read(program.module(), tensor.dtype, tuple(shape), max(0, batch_size))


def _read_script(path: Path) -> _Read:
    import torch

    module = torch.jit.load(str(path), map_location="cpu").eval()
    return _Read(module, _dtype_of(module))


def _read_module(path: Path) -> _Read:
    from safetensors.torch import load_file

    weights = load_file(path.with_name(WEIGHTS_FILE))
    with path.open("rb") as stream:
        module = _Unpickler(stream, weights).load()
    return _Read(module.eval(), _dtype_of(module))


class _Unpickler(pickle.Unpickler):  # an operator uploaded this bundle to be run
    """Of a module whose tensors are elsewhere; one that several parts share stays one."""

    def __init__(self, stream: Any, weights: dict[str, Any]) -> None:
        super().__init__(stream)
        self._weights = weights

    def persistent_load(self, pid: Any) -> Any:
        import torch

        name, is_parameter = pid
        if is_parameter and not isinstance(self._weights[name], torch.nn.Parameter):
            self._weights[name] = torch.nn.Parameter(self._weights[name], requires_grad=False)
        return self._weights[name]


_READERS: dict[str, Callable[[Path], _Read]] = {".pt2": _read_exported, ".pt": _read_script, ".pkl": _read_module}


def _dtype_of(module: Any) -> Any:
    """That of the first weights, which is what they are multiplied with; None if there are none."""
    return next((each.dtype for each in module.parameters() if each.is_floating_point()), None)


def _to_tensors(inputs: Any, dtype: Any) -> Any:
    """Numbers in the precision that the module wants, floats as floats and integers as integers; texts as they are."""
    import torch

    if not isinstance(inputs, np.ndarray):
        return [_to_tensors(each, dtype) if isinstance(each, np.ndarray) else each for each in inputs]
    tensor = torch.from_numpy(inputs)
    if dtype is None or tensor.is_floating_point() != dtype.is_floating_point:
        return tensor
    return tensor.to(dtype)


def _to_numpy(outputs: Any) -> Any:
    import torch

    match outputs:
        case torch.Tensor():
            return (outputs.float() if outputs.dtype is torch.bfloat16 else outputs).numpy()
        case dict():
            return {name: _to_numpy(each) for name, each in outputs.items()}
        case tuple():
            return tuple(map(_to_numpy, outputs))
    return outputs
