"""From the bytes of a batch to what `predict_batch` receives.

Numeric rows of one shape become one array [n, *shape], of several shapes a list of arrays; bytes a list of `bytes`,
strings a list of `str`.

Arrays are copies: aligned, contiguous and the model's own, so that code which writes into its input (`x /= 255`) works,
and a batch that failed can be tried again item by item from bytes nobody has touched. The copy of 64 x 784 doubles
costs 15 us; sharing the read-only buffer would save that and break such code.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clipper.core.inputs import NUMPY_NAME, DType
from clipper.wire.batches import InputBatch

ModelInputs: TypeAlias = "NDArray[np.generic] | list[NDArray[np.generic]] | list[bytes] | list[str]"
"""What `predict_batch` receives."""

_NUMPY_DTYPES = [np.dtype(NUMPY_NAME.get(dtype, "V1")).newbyteorder("<") for dtype in DType]


def model_inputs(batch: InputBatch) -> ModelInputs:
    """The argument of `predict_batch`. Raises UnicodeDecodeError for a string that is not UTF-8."""
    if batch.uniform:
        return np.ndarray((batch.size, *batch.shapes[0]), _NUMPY_DTYPES[batch.dtype], bytearray(batch.payload))
    rows = batch.rows()
    if batch.dtype is DType.BYTES:
        return [bytes(row) for row in rows]
    if batch.dtype is DType.STRING:
        return [str(row, "utf-8") for row in rows]
    dtype = _NUMPY_DTYPES[batch.dtype]
    return [np.frombuffer(row, dtype).reshape(shape).copy() for row, shape in zip(rows, batch.shapes, strict=True)]


def single_items(batch: InputBatch) -> list[InputBatch]:
    """Each input of `batch` as a batch of its own, on the same bytes."""
    return [InputBatch(batch.dtype, 1, [shape], row) for shape, row in zip(_shapes(batch), batch.rows(), strict=True)]


def part_of(batch: InputBatch, places: Sequence[int]) -> InputBatch:
    """The inputs at `places` of `batch` as a batch of their own, on a copy of their bytes."""
    shapes, rows = _shapes(batch), batch.rows()
    chosen = [shapes[place] for place in places]
    if len(set(chosen)) == 1:
        chosen = chosen[:1]
    return InputBatch(batch.dtype, len(places), chosen, memoryview(b"".join(rows[place] for place in places)))


def _shapes(batch: InputBatch) -> Sequence[tuple[int, ...]]:
    return batch.shapes if len(batch.shapes) == batch.size else [batch.shapes[0]] * batch.size
