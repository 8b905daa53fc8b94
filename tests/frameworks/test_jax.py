"""JAX: exported functions and a live jitted one, against JAX's own answers; compiled for few sizes, and early."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-6
"""Of probabilities in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("jax")


class CountsSizes:
    """Answers how many batch sizes it has seen."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def __call__(self, model: Any, inputs: Any) -> Any:
        self.seen.add(len(inputs))
        return [sorted(self.seen)] * len(inputs)


def raise_at_mark(model: Any, inputs: Any) -> Any:
    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return model(inputs)


@pytest.mark.parametrize("file", ["digits.jaxexp", "eight.jaxexp"])
def test_file_answers_as_jax_does(bench: Bench, file: str) -> None:
    name = file.partition(".")[0]
    scores = bench.deploy(f"{name}-scores", bench.folder / file, example=bench.inputs[0], output="scores")
    close(bench.outputs(scores), bench.saved("scores"), TOLERANCE)
    labels = bench.deploy(f"{name}-labels", bench.folder / file, example=bench.inputs[0])
    assert bench.outputs(labels) == bench.saved("labels").tolist()
    bench.check_misfit(labels, "shape")


def test_live_function_is_served(bench: Bench) -> None:
    bench.link("jax-live")
    close(bench.outputs("jax-live"), bench.saved("scores"), TOLERANCE)
    bench.check_misfit("jax-live", "shape", "TypeError")


def test_every_size_is_compiled_before_the_first_query(bench: Bench) -> None:
    name = bench.deploy("sizes", bench.folder / "digits.jaxexp", example=bench.inputs[0], function=CountsSizes())
    assert bench.outputs(name, bench.inputs[:1]) == [[1, 2, 4, 8, 16, 32, 64]]
    assert {tuple(each) for each in bench.outputs(name)} == {(1, 2, 4, 8, 16, 32, 64)}


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "digits.jaxexp", raise_at_mark)


def test_damaged_file_is_refused(bench: Bench) -> None:
    bench.check_corrupt(bench.folder / "digits.jaxexp", "model.jaxexp")
