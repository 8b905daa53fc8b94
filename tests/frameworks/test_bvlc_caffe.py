"""Caffe itself, on an old Python in the container for those, against its own answers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clipper.core.errors import ErrorCode
from tests.frameworks.bench import INPUTS, Bench, close

TOLERANCE = 1e-6
"""Of probabilities in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("bvlc_caffe")


@pytest.fixture(scope="module")
def network(bench: Bench) -> str:
    return bench.deploy("network", bench.folder / "bundle", requirements=())


def test_network_answers_as_caffe_does(bench: Bench, network: str) -> None:
    found = bench.outputs(network)
    assert len(found) == INPUTS
    close(found, bench.saved("scores"), TOLERANCE)
    assert np.mean(np.argmax(found, axis=1) == bench.saved("labels")) > 0.99


def test_opencv_answers_as_caffe_does_for_the_same_files(bench: Bench) -> None:
    description = bench.folder / "bundle" / "network.prototxt"
    name = bench.deploy("opencv", description, requirements=(), output="scores")
    close(bench.outputs(name), bench.saved("scores"), TOLERANCE)


def test_misfit_is_told_the_shape_and_leaves_its_mates_alone(bench: Bench, network: str) -> None:
    good = bench.inputs[:2].tolist()
    first, bad, last = bench.predictions(network, [good[0], [good[1][0][:3]], good[1]])
    close([first.output, last.output], bench.saved("scores")[:2], TOLERANCE)
    assert bad.default
    assert "expected (1, 28, 28)" in str(bad.default_explanation)


def test_damaged_file_is_refused_with_what_caffe_says(bench: Bench, tmp_path: Path) -> None:
    damaged = shutil.copytree(bench.folder / "bundle", tmp_path / "bundle")
    weights = damaged / "network.caffemodel"
    weights.write_bytes(weights.read_bytes()[:10_000])
    refusal = bench.refusal(damaged, requirements=())
    assert refusal.code is ErrorCode.MODEL_FAILED
    assert "network.caffemodel" in refusal.message + refusal.detail
