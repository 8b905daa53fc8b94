"""Trains a scikit-learn classifier and saves it as an MLflow model folder: python train.py FOLDER."""

import sys
from pathlib import Path

import mlflow.sklearn
import numpy as np
from sklearn.linear_model import LogisticRegression

FEATURES, CLASSES = 64, 10


def train() -> LogisticRegression:
    """A classifier that names the largest of the first ten numbers of its input."""
    inputs = np.random.default_rng(0).random((1000, FEATURES))
    return LogisticRegression(max_iter=500).fit(inputs, inputs[:, :CLASSES].argmax(axis=1))


def main(folder: Path, requirements: list[str] | None = None) -> None:
    """MLflow writes what it thinks the model requires, unless it is told."""
    mlflow.sklearn.save_model(
        train(),
        folder / "digits",
        input_example=np.zeros((2, FEATURES)),
        serialization_format="cloudpickle",
        pip_requirements=requirements,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
