"""MLflow's folders, deployed as they are, against MLflow's own answers, exactly."""

from collections.abc import Callable

import pytest

from tests.frameworks.bench import Bench


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("mlflow")


def test_folder_answers_as_mlflow_does_in_the_environment_that_it_names(bench: Bench) -> None:
    name = bench.deploy("digits", bench.folder / "digits", requirements=())
    assert bench.outputs(name) == bench.saved("labels").tolist()
    bench.check_misfit(name, "the model takes 64")


def test_columns_of_a_data_frame_are_filled_in_order_and_a_raising_row_fails_alone(bench: Bench) -> None:
    name = bench.deploy("frame", bench.folder / "frame", requirements=(), example=[1, 2])
    first, bad, last = bench.predictions(name, [[3.0, 1.5], [-1.0, 1.0], [4.5, 1.25]])
    assert [first.output, last.output] == ["3 years, 1.5 m", "4.5 years, 1.25 m"]
    assert "an age is below 0" in str(bad.default_explanation)


def test_damaged_folder_is_refused(bench: Bench) -> None:
    model = bench.folder / "digits" / "model.pkl"
    content = model.read_bytes()
    model.write_bytes(content[: len(content) // 2])
    refusal = bench.refusal(bench.folder / "digits", requirements=())
    model.write_bytes(content)
    assert "Loading model failed" in refusal.message


def test_scores_are_refused_with_what_to_do(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "digits", requirements=(), output="scores")
    assert "pyfunc_predict_fn='predict_proba'" in refusal.message
