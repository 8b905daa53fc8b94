"""Real models on MNIST: what they answer about images that they have not learned from."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.bench import Bench
from benchmarks.layer.digits import FILE
from benchmarks.selection.streams import Labels

Images = NDArray[np.float64]

TRAIN = 3000
PIXELS = (80, 55, 110, 40, 784)  # that each model sees: the fewer, the worse


@dataclass(frozen=True)
class Mnist:
    """All 70,000 images, in a random order; pixels from 0 to 1."""

    images: Images
    labels: Labels


def mnist(bench: Bench) -> Mnist | None:
    """None without its file."""
    path = bench.file(FILE)
    if path is None:
        return None
    with np.load(path) as file:
        images = np.concatenate([file["x_train"], file["x_test"]]).reshape(-1, 784)
        labels = np.concatenate([file["y_train"], file["y_test"]]).astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    return Mnist(images[order] / 255.0, labels[order])


def fitted(model: Any, images: Images, labels: Labels) -> Any:
    """Trained for as long as it may be, converged or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(images, labels)


def few_pixels(bench: Bench, count: int) -> tuple[Labels, Labels] | None:
    """What five models of the paper's accuracies, roughly, say of `count` images, and the labels."""
    digits = mnist(bench)
    if digits is None:
        return None
    rng = np.random.default_rng(1)
    asked = digits.images[TRAIN : TRAIN + count]
    said = []
    for pixels in PIXELS:
        seen = rng.permutation(784)[:pixels]
        model = fitted(LogisticRegression(max_iter=60, C=0.1), digits.images[:TRAIN, seen], digits.labels[:TRAIN])
        said.append(model.predict(asked[:, seen]))
    return np.stack(said, axis=1), digits.labels[TRAIN : TRAIN + count]
