"""R: linear models and a function of a data frame, against R's own answers."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from clipper.client import Clipper
from clipper.container.loaders.r import PROGRAM
from tests.frameworks.bench import INPUTS, MARK, Bench, close
from tests.frameworks.environments import ROOT

TOLERANCE = 1e-12


def run_r(script: Path, folder: Path) -> None:
    subprocess.run([PROGRAM, "--vanilla", str(script), str(folder)], check=True)


@pytest.fixture(scope="module")
def bench(clipper: Clipper, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("r")
    inputs = np.random.default_rng(1).uniform(1, 6, (INPUTS, 4))
    np.save(folder / "inputs.npy", inputs)
    np.savetxt(folder / "inputs.csv", inputs, "%.17g", ",")
    run_r(ROOT / "examples" / "r" / "train.R", folder)
    run_r(ROOT / "tests" / "frameworks" / "own" / "answers.R", folder)
    return Bench("r", clipper, folder)


def deploy(bench: Bench, name: str, file: str, **options: object) -> str:
    return bench.deploy(name, bench.folder / file, requirements=(), **options)


@pytest.mark.parametrize(
    ("model", "output", "columns"), [("mileage", "labels", 3), ("gearbox", "labels", 2), ("gearbox", "raw", 2)]
)
def test_model_answers_as_r_does(bench: Bench, model: str, output: str, columns: int) -> None:
    name = deploy(bench, f"{model}-{output}", f"{model}.rds", output=output, example=[1.0] * columns)
    expected = np.loadtxt(bench.folder / (f"{model}.csv" if output == "labels" else f"{model}-{output}.csv"))
    close(bench.outputs(name, bench.inputs[:, :columns]), expected, TOLERANCE)


def test_misfit_is_told_the_columns_and_leaves_its_mates_alone(bench: Bench) -> None:
    name = deploy(bench, "misfit", "mileage.rds")
    first, bad, last = bench.predictions(name, [[1.0, 2.0, 3.0], [1.0, 2.0], [4.0, 5.0, 6.0]])
    assert [first.output, last.output] == bench.outputs(name, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert "the model takes 3: wt, hp, qsec" in str(bad.default_explanation)


def test_function_gives_words_and_fails_alone_on_what_it_does_not_like(bench: Bench) -> None:
    name = deploy(bench, "species", "species.rds", example=[5.0, 3.5, 1.5, 0.25])
    assert bench.outputs(name) == (bench.folder / "species.csv").read_text().split()
    inputs = bench.inputs[:5].copy()
    inputs[2, 0] = MARK
    found = bench.predictions(name, inputs)
    assert [each.default for each in found] == [False, False, True, False, False]
    assert "the mark was found" in str(found[2].default_explanation)


def test_scores_of_what_has_none_are_refused(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "mileage.rds", requirements=(), output="scores", example=[1.0] * 3)
    assert "gives none for lm" in refusal.message


def test_what_is_no_model_is_refused(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "factor.rds", requirements=(), example=[1.0])
    assert "predict" in refusal.message


def test_damaged_file_is_refused(bench: Bench) -> None:
    damaged = bench.folder / "damaged.rds"
    damaged.write_bytes((bench.folder / "mileage.rds").read_bytes()[:1000])
    refusal = bench.refusal(damaged, requirements=(), example=[1.0] * 3)
    assert "Loading model.rds failed" in refusal.message


def test_input_that_ends_r_fails_alone(bench: Bench) -> None:
    name = deploy(bench, "quits", "quits.rds", example=[1.0])
    found = bench.predictions(name, [[1.0], [MARK], [2.0]])
    assert [each.output for each in found] == [2.0, "none", 4.0]
    assert "R has ended with 3" in str(found[1].default_explanation)
