import numpy as np
import pytest

from clipper.container.batches.inputs import model_inputs, single_items
from clipper.core.inputs import DType, Input
from clipper.wire.batches import InputBatch, decode_predict, encode_predict
from clipper.wire.frames import HEADER_SIZE
from tests.wire.arrays import data, numbers, text


def sent(*inputs: Input) -> InputBatch:
    return decode_predict(encode_predict(1, inputs)[HEADER_SIZE:])


@pytest.mark.parametrize("dtype", [DType.INT32, DType.FLOAT32, DType.FLOAT64, DType.UINT8])
def test_rows_of_one_shape_are_one_array_of_the_models_own(dtype: DType) -> None:
    batch = sent(numbers(dtype, (2, 2), 1, 2, 3, 4), numbers(dtype, (2, 2), 5, 6, 7, 8))
    array = model_inputs(batch)
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert array.dtype == np.dtype(dtype.name.lower())
    assert array.flags.c_contiguous
    assert array.flags.aligned
    array[:] = 0  # a model may write into its input …
    assert np.asarray(model_inputs(batch)).any()  # … and the batch can still be tried again


def test_rows_of_several_shapes_are_a_list_of_arrays() -> None:
    arrays = model_inputs(sent(numbers(DType.FLOAT64, (1,), 1), numbers(DType.FLOAT64, (3,), 2, 3, 4)))
    assert [each.tolist() for each in arrays if isinstance(each, np.ndarray)] == [[1.0], [2.0, 3.0, 4.0]]


def test_a_single_ragged_row_is_an_array_of_one() -> None:
    (_, second) = single_items(sent(numbers(DType.INT32, (1,), 1), numbers(DType.INT32, (2,), 2, 3)))
    array = model_inputs(second)
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [[2, 3]]


@pytest.mark.parametrize("rows", [["a"], ["a", "bc"], ["ab", "cd"], ["", "é"]])
def test_texts_and_bytes_are_lists(rows: list[str]) -> None:
    assert model_inputs(sent(*map(text, rows))) == rows
    assert model_inputs(sent(*[data(each.encode()) for each in rows])) == [each.encode() for each in rows]


def test_text_that_is_not_utf8_raises() -> None:
    with pytest.raises(UnicodeDecodeError):
        model_inputs(sent(Input(DType.STRING, (1,), b"\xff")))


def test_single_items_are_the_rows() -> None:
    rows = [numbers(DType.FLOAT64, (2,), 1, 2), numbers(DType.FLOAT64, (2,), 3, 4)]
    assert [np.asarray(model_inputs(each)).tolist() for each in single_items(sent(*rows))] == [[[1, 2]], [[3, 4]]]
    assert [model_inputs(each) for each in single_items(sent(text("a"), text("bc")))] == [["a"], ["bc"]]


def test_empty_rows_are_no_trouble() -> None:
    assert np.asarray(model_inputs(sent(*[numbers(DType.INT32, (0,))] * 3))).shape == (3, 0)
