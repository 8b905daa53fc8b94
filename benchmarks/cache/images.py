"""Streams of real images: the same ones again and again, never quite alike, or each one once."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.float64]
"""Rows of 28×28 grey values between 0 and 1."""

SIDE = 28


class Mnist:
    """MNIST from an .npz file with x_train, y_train, x_test (uint8)."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.train = _flat(arrays["x_train"])
            self.labels = arrays["y_train"]
            self.test = _flat(arrays["x_test"])


def jittered_repeats(images: Images, count: int, *, shift: float, noise: float, rng: np.random.Generator) -> Images:
    """`count` images, drawn from `images` by Zipf(1.0), each moved by up to `shift` pixels either way, with noise."""
    weights = 1.0 / np.arange(1, len(images) + 1)
    drawn = rng.choice(len(images), count, p=weights / weights.sum())
    moves = rng.uniform(-shift, shift, (count, 2))
    made = np.empty((count, SIDE * SIDE))
    for place, (which, move) in enumerate(zip(drawn, moves, strict=True)):
        moved = _moved(_moved(images[which].reshape(SIDE, SIDE), move[0], 0), move[1], 1)
        made[place] = moved.ravel()
    clipped: Images = np.clip(made + rng.normal(0.0, noise, made.shape), 0.0, 1.0)
    return clipped


def _moved(image: Images, by: float, axis: int) -> Images:
    """Moved by a part of a pixel: a mean of the two positions around it."""
    whole = int(np.floor(by))
    part = by - whole
    return (1 - part) * np.roll(image, whole, axis) + part * np.roll(image, whole + 1, axis)


def _flat(images: NDArray[np.uint8]) -> Images:
    return images.reshape(len(images), -1) / 255.0
