"""CatBoost: a classifier of words and a regressor, from files and live, against CatBoost's own answers, exactly."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.bench import Bench


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("catboost")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return model.predict(inputs).ravel()


@pytest.mark.parametrize("output", ["labels", "scores", "raw"])
def test_classifier_answers_as_catboost_does(bench: Bench, output: str) -> None:
    name = bench.deploy(output, bench.folder / "digits.cbm", output=output)
    assert bench.outputs(name) == bench.saved(output).tolist()
    bench.check_misfit(name, "shape")


def test_regressor_answers_what_its_loss_makes_of_the_formula(bench: Bench) -> None:
    name = bench.deploy("counts", bench.folder / "counts.cbm")
    assert bench.outputs(name) == bench.saved("counts").tolist()


def test_live_classifier_is_served(bench: Bench) -> None:
    bench.link("catboost-live")
    assert bench.outputs("catboost-live") == bench.saved("labels").tolist()


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "digits.cbm", raise_at_mark)


def test_damaged_file_is_refused(bench: Bench) -> None:
    bench.check_corrupt(bench.folder / "digits.cbm", "model.cbm")
