"""Turi Create's own answers: run with FOLDER, in its Python, which our package is too new for."""

import sys
from pathlib import Path

import numpy as np
import turicreate

from examples.turicreate import train

INPUTS = 1000


def main(folder: Path) -> None:
    train.main(folder)
    inputs = np.random.RandomState(1).rand(INPUTS, train.FEATURES)
    model = turicreate.load_model(str(folder / "bundle" / "trees.model"))
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", np.array(model.predict(train.frame(inputs))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
