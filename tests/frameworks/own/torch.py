"""PyTorch's own answers: run with FOLDER HOME; deploys a live module on the server at HOME."""

import sys
from pathlib import Path

import numpy as np
import torch

from clipper.client import connect
from examples.torch import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    torch.set_num_threads(1)
    train.main(folder)
    network = train.train()
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES), np.float32)
    with torch.inference_mode():
        scores = network(torch.from_numpy(inputs))
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "scores.npy", scores.numpy())
    np.save(folder / "labels.npy", scores.argmax(dim=1).numpy())
    torch.export.save(torch.export.export(network, (torch.from_numpy(inputs[:8]),)), folder / "eight.pt2")
    torch.save(network.state_dict(), folder / "weights.pt")
    with connect(home) as clipper:
        requirements = requirements_of("torch")
        clipper.deploy_model("torch-live", 1, network, example=inputs[0], requirements=requirements, output="scores")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
