"""Theano's own answers: run with FOLDER HOME; deploys a live function on the server at HOME."""

import pickle
import sys
from pathlib import Path

import numpy as np

from clipper.client import connect
from examples.theano import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    from theano import function, tensor  # the example has said how it is to be imported

    train.main(folder)
    with (folder / "network.pkl").open("rb") as stream:
        network = pickle.load(stream)
    inputs = np.random.RandomState(1).rand(INPUTS, train.FEATURES).astype("f4")
    scores = network(inputs)
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "scores.npy", scores)
    np.save(folder / "labels.npy", scores.argmax(axis=1))
    left, right = tensor.fmatrix(), tensor.fmatrix()
    with (folder / "two.pkl").open("wb") as stream:
        pickle.dump(function([left, right], left + right), stream)
    with connect(home) as clipper:
        requirements = requirements_of("theano")
        clipper.deploy_model("theano-live", 1, network, example=inputs[0], requirements=requirements, output="scores")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
