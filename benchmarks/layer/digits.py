"""The images: MNIST if its file is given, else scikit-learn's 8 x 8 digits enlarged to 28 x 28. Pixels from 0 to 1."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

SIDE = 28
WIDTH = SIDE * SIDE
FILE = "mnist.npz"  # x_train, y_train, x_test, y_test

Rows = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """Images to learn from, and others to ask about; rows of 784 doubles."""

    name: str
    train: Rows
    labels: Labels
    test: Rows


def load(folder: Path | None, seed: int = 0) -> Digits:
    """In a random order that depends on `seed` alone."""
    rng = np.random.default_rng(seed)
    if folder is not None and (folder / FILE).exists():
        with np.load(folder / FILE) as file:
            order = rng.permutation(len(file["x_train"]))[:20_000]
            train, labels = file["x_train"][order], file["y_train"][order].astype(np.int64)
            test = file["x_test"][rng.permutation(len(file["x_test"]))]
        return Digits("MNIST", _rows(train), labels, _rows(test))
    images, labels = load_digits(return_X_y=True)
    enlarged = np.kron(images.reshape(-1, 8, 8), np.ones((3, 3))) * (255 / 16)
    framed = np.pad(enlarged, ((0, 0), (2, 2), (2, 2)))
    order = rng.permutation(len(framed))
    known, asked = order[:1300], order[1300:]
    return Digits("scikit-learn's digits", _rows(framed[known]), labels[known].astype(np.int64), _rows(framed[asked]))


def jittered(rows: Rows, rng: np.random.Generator, amplitude: float = 0.02) -> Rows:
    """The same images as a camera would take them again: a little noise on every pixel that is not black."""
    noise = rng.normal(0.0, amplitude, rows.shape)
    return np.where(rows > 0, np.clip(rows + noise, 0.0, 1.0), rows)


def _rows(images: NDArray[np.generic]) -> Rows:
    return np.ascontiguousarray(images.reshape(len(images), WIDTH).astype(np.float64) / 255.0)
