"""MXNet: exports of Gluon, checkpoints of before it, and a live block, against MXNet's own answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-5
"""Of scores in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("mxnet")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    import mxnet

    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    return model(mxnet.nd.array(inputs)).asnumpy()


def test_export_answers_as_gluon_does(bench: Bench) -> None:
    scores = bench.deploy("scores", bench.folder / "gluon-symbol.json", example=bench.inputs[0], output="scores")
    close(bench.outputs(scores), bench.saved("scores"), TOLERANCE)
    labels = bench.deploy("labels", bench.folder / "gluon-0000.params", example=bench.inputs[0])
    assert bench.outputs(labels) == bench.saved("labels").tolist()
    bench.check_misfit(labels, "shape")


def test_checkpoint_with_its_loss_answers_as_its_module_does(bench: Bench) -> None:
    name = bench.deploy("module", bench.folder / "module-0020.params", example=bench.inputs[0], output="scores")
    close(bench.outputs(name), bench.saved("module"), TOLERANCE)


def test_live_block_is_served(bench: Bench) -> None:
    bench.link("mxnet-live")
    close(bench.outputs("mxnet-live"), bench.saved("scores"), TOLERANCE)


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "gluon-symbol.json", raise_at_mark)


def test_folder_of_several_networks_is_refused(bench: Bench) -> None:
    assert "name the file of parameters" in bench.refusal(bench.folder).message


@pytest.mark.parametrize("file", ["gluon-symbol.json", "gluon-0000.params"])
def test_damaged_file_is_refused(bench: Bench, file: str) -> None:
    path = bench.folder / file
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refusal = bench.refusal(path)
    path.write_bytes(content)
    assert "model-symbol.json" in refusal.message


def test_server_without_mxnet_says_what_to_require(bench: Bench) -> None:
    path = bench.folder / "gluon-symbol.json"
    refusal = bench.refusal(path, requirements=["numpy"], example=np.zeros(64).tolist())
    assert "mxnet" in refusal.message
    assert "requirements" in refusal.message
