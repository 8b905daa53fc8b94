"""Theano: pickled functions and a live one, against Theano's own answers."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-6
"""Of probabilities in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("theano")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return model(inputs)


def test_pickled_function_answers_as_theano_does(bench: Bench) -> None:
    scores = bench.deploy("scores", bench.folder / "network.pkl", example=bench.inputs[0], output="scores")
    close(bench.outputs(scores), bench.saved("scores"), TOLERANCE)
    labels = bench.deploy("labels", bench.folder / "network.pkl", example=bench.inputs[0])
    assert bench.outputs(labels) == bench.saved("labels").tolist()
    bench.check_misfit(labels, "hape")


def test_live_function_is_served(bench: Bench) -> None:
    bench.link("theano-live")
    close(bench.outputs("theano-live"), bench.saved("scores"), TOLERANCE)


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "network.pkl", raise_at_mark)


def test_function_of_two_arrays_is_refused(bench: Bench) -> None:
    assert "expected one array" in bench.refusal(bench.folder / "two.pkl").message


def test_damaged_file_is_refused(bench: Bench) -> None:
    bench.check_corrupt(bench.folder / "network.pkl", "compiled.pkl")


def test_server_without_theano_says_what_to_require(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "network.pkl", requirements=["numpy"])
    assert "theano" in refusal.message
    assert "requirements" in refusal.message
