"""Inputs for the tests of the wire: by hand, and any there can be."""

import struct

from hypothesis import strategies as st

from clipper.core.inputs import DType, Input
from clipper.wire.batches import InputBatch, ItemFailure, Outcome

FORMAT = {DType.INT32: "i", DType.FLOAT32: "f", DType.FLOAT64: "d", DType.UINT8: "B"}

TOKEN = bytes(range(32)).hex()


def numbers(dtype: DType, shape: tuple[int, ...], *values: float) -> Input:
    return Input(dtype, shape, struct.pack(f"<{len(values)}{FORMAT[dtype]}", *values))


def text(value: str) -> Input:
    return Input(DType.STRING, (len(value.encode()),), value.encode())


def data(value: bytes) -> Input:
    return Input(DType.BYTES, (len(value),), value)


def inputs_of(batch: InputBatch) -> list[Input]:
    """The inputs a decoded batch was made of."""
    shapes = batch.shapes if len(batch.shapes) == batch.size else list(batch.shapes) * batch.size
    return [Input(batch.dtype, shape, bytes(row)) for shape, row in zip(shapes, batch.rows(), strict=True)]


def canonical(inputs: list[Input]) -> list[tuple[DType, tuple[int, ...], bytes]]:
    return [(each.dtype, each.shape, each.payload) for each in inputs]


@st.composite
def batches(draw: st.DrawFn) -> list[Input]:
    """Any batch a dialer may send: one dtype, one number of dimensions."""
    dtype = draw(st.sampled_from(DType))
    if not dtype.is_numeric:
        return [Input(dtype, (len(row),), row) for row in draw(st.lists(st.binary(max_size=20), min_size=1))]
    ndim = draw(st.integers(1, 4))
    shape = st.tuples(*[st.integers(0, 3)] * ndim)
    shapes = draw(st.lists(shape, min_size=1, max_size=8))
    if draw(st.booleans()):
        shapes = [shapes[0]] * len(shapes)
    return [Input(dtype, each, draw(_exactly(_size(each) * dtype.item_size))) for each in shapes]


outcomes: st.SearchStrategy[list[Outcome]] = st.lists(
    st.one_of(st.binary(max_size=30), st.text(max_size=30).map(ItemFailure))
)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _exactly(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)
