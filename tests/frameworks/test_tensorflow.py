"""TensorFlow: SavedModels, Keras files and a live Keras model, against TensorFlow's own answers."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-6
"""Of probabilities in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("tensorflow")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return model.serve(inputs).numpy()


@pytest.mark.parametrize("file", ["saved_model", "digits.keras"])
def test_saved_model_answers_as_tensorflow_does(bench: Bench, file: str) -> None:
    name = "keras" if file.endswith(".keras") else "saved"
    scores = bench.deploy(f"{name}-scores", bench.folder / file, example=bench.inputs[0], output="scores")
    close(bench.outputs(scores), bench.saved("scores"), TOLERANCE)
    labels = bench.deploy(f"{name}-labels", bench.folder / file, example=bench.inputs[0])
    assert bench.outputs(labels) == bench.saved("labels").tolist()
    bench.check_misfit(labels, "shape")


def test_live_model_with_layers_of_its_own_is_served_without_their_code(bench: Bench) -> None:
    bench.link("tensorflow-live")
    close(bench.outputs("tensorflow-live"), bench.saved("live"), 1e-5)
    bench.check_misfit("tensorflow-live", "shape")


def test_texts_reach_a_signature_of_texts_and_all_its_outputs_come_back(bench: Bench) -> None:
    name = bench.deploy("texts", bench.folder / "texts", input_type="strings", example="a", output="raw")
    assert bench.outputs(name, ["good", "fun"]) == [{"length": 4, "upper": "GOOD"}, {"length": 3, "upper": "FUN"}]


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "saved_model", raise_at_mark)


def test_damaged_files_are_refused(bench: Bench) -> None:
    bench.check_corrupt(bench.folder / "digits.keras", "keras", "zip")
    damaged = bench.folder / "damaged"
    shutil.copytree(bench.folder / "saved_model", damaged)
    (damaged / "saved_model.pb").write_bytes((damaged / "saved_model.pb").read_bytes()[:1000])
    assert "saved_model" in bench.refusal(damaged).message
