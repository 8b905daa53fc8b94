"""Spark: a model alone, pipelines of vectors, texts and columns, and a live one, against Spark's own `transform`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-12
"""Of probabilities in 64 bits."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("spark")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return [model.numFeatures] * len(inputs)


@pytest.mark.parametrize("kind", ["classifier", "pipeline"])
def test_vectors_are_answered_as_spark_does(bench: Bench, kind: str) -> None:
    scores = bench.deploy(f"{kind}-scores", bench.folder / kind, output="scores", example=bench.inputs[0])
    close(bench.outputs(scores), bench.saved(f"{kind}-scores"), TOLERANCE)
    labels = bench.deploy(f"{kind}-labels", bench.folder / kind)
    assert bench.outputs(labels) == bench.saved(f"{kind}-labels").tolist()
    bench.check_misfit(labels, "shape")


def test_texts_become_words(bench: Bench) -> None:
    known = json.loads((bench.folder / "texts.json").read_text())
    name = bench.deploy("texts", bench.folder / "texts", input_type="strings", example="i loved it")
    assert bench.outputs(name, known["texts"]) == known["answers"]


def test_numbers_go_to_the_columns_of_the_pipeline(bench: Bench) -> None:
    name = bench.deploy("columns", bench.folder / "columns", output="raw", example=[1.0, 2.0])
    (answer,) = bench.outputs(name, [[2.0, 5.0]])
    assert answer["features"] == [2.0, 5.0]
    assert answer["prediction"] == pytest.approx(2.0)
    assert "columns a, b" in bench.refusal(bench.folder / "columns", input_type="strings", example="a").message


def test_live_pipeline_is_served(bench: Bench) -> None:
    bench.link("spark-live")
    assert bench.outputs("spark-live") == bench.saved("pipeline-labels").tolist()


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "classifier", raise_at_mark)


def test_damaged_model_is_refused(bench: Bench, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(bench.folder / "classifier", damaged)
    for path in [*damaged.glob("data/.*.crc"), *damaged.glob("data/*.parquet")]:
        path.write_bytes(path.read_bytes()[:10])
    assert "SparkError" in bench.refusal(damaged).message


def test_regression_has_no_scores(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "columns", output="scores", example=[1.0, 2.0])
    assert "LinearRegressionModel has no probabilities" in refusal.message


def test_server_without_pyspark_says_what_to_require(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "classifier", requirements=["numpy"])
    assert "pyspark" in refusal.message
    assert "requirements" in refusal.message
