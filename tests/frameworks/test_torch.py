"""PyTorch: exported programs, TorchScript, and a live module, against PyTorch's own answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-6
"""Of probabilities in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("torch")


def raise_at_mark(model: Any, inputs: Any) -> Any:
    import torch

    if (inputs[:, 0] == 999.0).any():
        raise ValueError("the mark was found")
    with torch.inference_mode():
        return model(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("file", ["script.pt", "exported.pt2", "eight.pt2"])
def test_file_answers_as_pytorch_does(bench: Bench, file: str) -> None:
    name = file.replace(".", "-")
    scores = bench.deploy(f"{name}-scores", bench.folder / file, example=bench.inputs[0], output="scores")
    close(bench.outputs(scores), bench.saved("scores"), TOLERANCE)
    labels = bench.deploy(f"{name}-labels", bench.folder / file, example=bench.inputs[0])
    assert bench.outputs(labels) == bench.saved("labels").tolist()
    bench.check_misfit(labels, "shape")


def test_live_module_is_served_as_code_and_weights(bench: Bench) -> None:
    bench.link("torch-live")
    close(bench.outputs("torch-live"), bench.saved("scores"), TOLERANCE)
    bench.check_misfit("torch-live", "shape")


def test_input_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    bench.check_raising("raising", bench.folder / "script.pt", raise_at_mark)


@pytest.mark.parametrize("file", ["script.pt", "exported.pt2"])
def test_damaged_file_is_refused(bench: Bench, file: str) -> None:
    bench.check_corrupt(bench.folder / file, "zip archive", "PytorchStreamReader", "torch")


def test_weights_without_code_are_refused_with_what_to_do(bench: Bench) -> None:
    assert "weights without the code" in bench.refusal(bench.folder / "weights.pt").message


def test_server_without_pytorch_says_what_to_require(bench: Bench) -> None:
    refusal = bench.refusal(bench.folder / "script.pt", requirements=["numpy"], example=np.zeros(64).tolist())
    assert "torch" in refusal.message
    assert "requirements" in refusal.message
