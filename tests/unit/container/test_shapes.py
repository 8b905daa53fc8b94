"""Inputs are brought into the shape a model wants; one that does not fit fails alone, before the model sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.shapes import InputShape
from clipper.container.bundle import Manifest, write_bundle
from clipper.container.failures import FailureLog, ModelError
from clipper.container.loaders import LoadedModel
from clipper.container.model import Model, load_model
from clipper.core.inputs import DType, Input, InputType
from clipper.wire.batches import InputBatch, ItemFailure, decode_predict, encode_predict
from clipper.wire.frames import HEADER_SIZE


def batch(*shapes: tuple[int, ...]) -> InputBatch:
    """Inputs of these shapes, the first all zeros, the second all ones, ..."""
    inputs = [
        Input(DType.FLOAT64, shape, np.full(shape, place, np.float64).tobytes()) for place, shape in enumerate(shapes)
    ]
    return decode_predict(encode_predict(1, inputs)[HEADER_SIZE:])


def model_of(shape: tuple[int, ...], seen: list[Any]) -> Model:
    def predict(inputs: Any) -> list[float]:
        seen.append(inputs)
        return [float(np.sum(each)) for each in inputs]

    loaded = LoadedModel(predict, None, input_shape=shape)
    return Model(loaded, InputType.DOUBLES, FailureLog(lambda: 0.0))


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        ((1, 2, 2), (4,), True),
        ((4,), (2, 2), True),
        ((4,), (3,), False),
        ((-1, 2), (7, 2), True),
        ((-1, 2), (0, 2), True),
        ((-1, 2), (4,), False),
        ((-1, 2), (2, 3), False),
    ],
)
def test_elements_count_unless_a_dimension_is_open(wanted: tuple[int, ...], given: tuple[int, ...], fits: bool) -> None:
    assert InputShape(wanted).fits(given) is fits


def test_inputs_of_a_batch_are_brought_into_one_array() -> None:
    seen: list[Any] = []
    assert model_of((2, 2), seen).predict(batch((4,), (4,))) == [b"0.0", b"4.0"]
    assert model_of((2, 2), seen).predict(batch((1, 4), (4, 1))) == [b"0.0", b"4.0"]
    assert [each.shape for each in seen] == [(2, 2, 2), (2, 2, 2)]


def test_input_that_does_not_fit_fails_alone_and_the_model_never_sees_it() -> None:
    seen: list[Any] = []
    outcomes = model_of((4,), seen).predict(batch((4,), (3,), (4,)))
    assert outcomes == [
        b"0.0",
        ItemFailure("The input has the shape 3, and the model takes 4"),
        b"8.0",
    ]
    assert [each.shape for each in seen] == [(2, 4)]
    assert all(isinstance(each, ItemFailure) for each in model_of((4,), seen).predict(batch((3,), (3,))))
    assert len(seen) == 1


def test_inputs_of_different_lengths_stay_a_list() -> None:
    seen: list[Any] = []
    outcomes = model_of((-1, 2), seen).predict(batch((1, 2), (3, 2), (3, 3)))
    assert outcomes[:2] == [b"0.0", b"6.0"]
    assert outcomes[2] == ItemFailure("The input has the shape 3×3, and the model takes any×2")
    assert [each.shape for each in seen[0]] == [(1, 2), (3, 2)]


@given(count=st.integers(1, 40), sizes=st.sets(st.integers(1, 16), min_size=1))
def test_only_bucket_sizes_reach_the_model_and_every_answer_is_its_inputs(count: int, sizes: set[int]) -> None:
    seen: list[int] = []

    def predict(inputs: Any) -> Any:
        seen.append(len(inputs))
        return inputs * 2

    padded = bucketed(predict, sorted(sizes))
    assert padded(np.arange(count)).tolist() == [2 * each for each in range(count)]
    assert set(seen) <= sizes
    as_list: Callable[[Any], Any] = bucketed(lambda texts: [each.upper() for each in texts], sorted(sizes))
    assert as_list(["a", "b"] * count) == ["A", "B"] * count


def bundle(folder: Path, **fields: Any) -> Path:
    def double(inputs: Any) -> Any:
        return inputs * 2.0

    files: dict[str, bytes | Path] = {"f.pkl": cloudpickle.dumps(double)}
    if "function" in fields:
        files[fields["function"]] = cloudpickle.dumps(lambda model, inputs: model(inputs) + 1)
    write_bundle(folder, Manifest(framework="python", entry="f.pkl", input_type=InputType.DOUBLES, **fields), files)
    return folder


def test_operators_function_is_called_with_the_model_and_the_inputs(tmp_path: Path) -> None:
    model = load_model(bundle(tmp_path / "a", function="function.pkl", batch_sizes=(4,), input_shape=(2,)), lambda: 0.0)
    assert model.warm_up_sizes == (4,)
    outcomes = model.predict(batch((2,), (2,)))
    assert [json.loads(each) for each in outcomes if isinstance(each, bytes)] == [[1.0, 1.0], [3.0, 3.0]]


def test_example_of_another_shape_is_refused_when_the_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Invalid example: The input has the shape 3, and the model takes 2×2"):
        load_model(bundle(tmp_path / "a", example=[1, 2, 3], input_shape=(2, 2)), lambda: 0.0)
