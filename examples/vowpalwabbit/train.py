"""Teaches Vowpal Wabbit which of ten numbers is the largest, and saves the model: python train.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
import vowpalwabbit

FEATURES, CLASSES = 16, 10


def line(numbers: "np.typing.NDArray[np.float64]") -> str:
    """An input in Vowpal Wabbit's text format."""
    return "| " + " ".join(f"{place}:{value!r}" for place, value in enumerate(numbers.tolist()))


def train() -> vowpalwabbit.Workspace:
    workspace = vowpalwabbit.Workspace(f"--oaa {CLASSES} --quiet")
    for numbers in np.random.default_rng(0).random((2000, FEATURES)):
        workspace.learn(f"{numbers[:CLASSES].argmax() + 1} {line(numbers)}")
    return workspace


def main(folder: Path) -> None:
    train().save(str(folder / "largest.vw"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
