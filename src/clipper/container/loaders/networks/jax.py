"""JAX: functions exported by `jax.export`, and jitted functions pickled with what they close over."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_OPEN = -1

_COMPILER_OPTIONS = {"xla_cpu_multi_thread_eigen": False}
"""Replicas are the unit of parallelism."""


class _Read(NamedTuple):
    """A function that is ready to be called, and what it says of its input; None, empty or 0: nothing."""

    function: Callable[[Any], Any]
    dtype: Any = None
    input_shape: tuple[int, ...] = ()
    batch_size: int = 0


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The function's answer to a batch. It is compiled for each size it sees: the manifest's `batch_sizes` bound them.

    Raises INVALID_ARGUMENT for a function of several arguments, else what JAX raises for a file it cannot read.
    """
    import jax

    read = _READERS[Path(manifest.entry).suffix](folder / manifest.entry)
    function = jax.jit(read.function, compiler_options=_COMPILER_OPTIONS)
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        outputs = function(inputs if read.dtype is None else np.asarray(inputs, read.dtype))
        return choose(jax.tree.map(np.asarray, outputs))

    if read.batch_size:
        return LoadedModel(bucketed(predict, [read.batch_size]), example, read.input_shape, function)
    return LoadedModel(predict, example, read.input_shape, function)


def _read_exported(path: Path) -> _Read:
    from jax import export

    exported = export.deserialize(bytearray(path.read_bytes()))
    if len(exported.in_avals) != 1:
        raise invalid(f"{path.name} takes {len(exported.in_avals)} arrays, expected a function of one: the batch")
    (array,) = exported.in_avals
    if not array.shape:
        raise invalid(f"{path.name} takes a single number, expected a function of a batch")
    batch_size, *shape = (size if isinstance(size, int) else _OPEN for size in array.shape)
    return _Read(exported.call, array.dtype, tuple(shape), max(0, batch_size))


def _read_pickled(path: Path) -> _Read:
    with path.open("rb") as stream:
        return _Read(pickle.load(stream))  # noqa: S301  an operator uploaded this bundle to be run


_READERS: dict[str, Callable[[Path], _Read]] = {".jaxexp": _read_exported, ".pkl": _read_pickled}
