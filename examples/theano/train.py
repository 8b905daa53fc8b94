"""Trains a small network with Theano and pickles the function that answers: python train.py FOLDER."""

import os
import pickle
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("THEANO_FLAGS", "blas.ldflags=")  # it finds no BLAS in a Python of today, and needs none

import numpy as np
import theano
import theano.tensor as T

FEATURES, HIDDEN, CLASSES = 64, 64, 10


def train(steps: int = 400) -> Any:
    """A function that scores which of the first ten numbers of its input is the largest."""
    draw = np.random.RandomState(0)
    sizes = (FEATURES, HIDDEN, CLASSES)
    weights = [_shared(draw.normal(0, 1 / np.sqrt(rows), (rows, columns))) for rows, columns in pairwise(sizes)]
    biases = [_shared(np.zeros(size)) for size in sizes[1:]]
    inputs, labels = T.fmatrix("inputs"), T.ivector("labels")
    hidden = T.nnet.relu(T.dot(inputs, weights[0]) + biases[0])
    scores = T.nnet.softmax(T.dot(hidden, weights[1]) + biases[1])
    loss = T.nnet.categorical_crossentropy(scores, labels).mean()
    parameters = [*weights, *biases]
    gradients = T.grad(loss, parameters)
    updates = [(each, each - np.float32(0.5) * gradient) for each, gradient in zip(parameters, gradients, strict=True)]
    step = theano.function([inputs, labels], loss, updates=updates)
    for _ in range(steps):
        batch = draw.rand(64, FEATURES).astype("f4")
        step(batch, batch[:, :CLASSES].argmax(axis=1).astype("i4"))
    return theano.function([inputs], scores)


def _shared(values: Any) -> Any:
    return theano.shared(values.astype("f4"))


def main(folder: Path) -> None:
    with (folder / "network.pkl").open("wb") as stream:
        pickle.dump(train(), stream)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
