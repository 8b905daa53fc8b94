"""Turi Create on an old Python, in an environment made by hand that the bundle's command names, against its answers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clipper.core.errors import ErrorCode
from tests.frameworks.bench import INPUTS, Bench


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("turicreate")


@pytest.fixture(scope="module")
def trees(bench: Bench) -> str:
    return bench.deploy("trees", bench.folder / "bundle", requirements=())


def test_trees_answer_as_turi_create_does(bench: Bench, trees: str) -> None:
    found = bench.outputs(trees)
    assert len(found) == INPUTS
    assert found == bench.saved("labels").tolist()
    assert np.mean(found == bench.inputs[:, :10].argmax(axis=1)) > 0.7


def test_misfit_is_told_so_and_leaves_its_mates_alone(bench: Bench, trees: str) -> None:
    bench.check_misfit(trees, "expected 64 numbers")


def test_damaged_model_is_refused_in_its_own_words(bench: Bench, tmp_path: Path) -> None:
    damaged = shutil.copytree(bench.folder / "bundle", tmp_path / "bundle")
    (damaged / "trees.model" / "objects.bin").unlink()
    refusal = bench.refusal(damaged, requirements=())
    assert refusal.code is ErrorCode.MODEL_FAILED
    assert "objects.bin" in refusal.message + refusal.detail
