"""TensorFlow Lite: models of floats and of bytes, run by LiteRT, against TensorFlow's own interpreter."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = {"floats": 1e-6, "bytes": 0.0}
"""Of probabilities: a matrix product's sums in 32 bits are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("tflite", "tensorflow")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return [len(model.get_input_details())] * len(inputs)


@pytest.mark.parametrize("numbers", ["floats", "bytes"])
def test_file_answers_as_tensorflow_does(bench: Bench, numbers: str) -> None:
    path, expected = bench.folder / f"{numbers}.tflite", bench.saved(numbers)
    scores = bench.deploy(f"{numbers}-scores", path, example=bench.inputs[0], output="scores")
    close(bench.outputs(scores), expected, TOLERANCE[numbers])
    labels = bench.deploy(f"{numbers}-labels", path, example=bench.inputs[0])
    assert np.array_equal(bench.outputs(labels), expected.argmax(axis=1))
    bench.check_misfit(labels, "shape")


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "floats.tflite", raise_at_mark)


def test_damaged_file_is_refused(bench: Bench) -> None:
    bench.check_corrupt(bench.folder / "floats.tflite", "model.tflite")
