"""Trains classifiers and a regressor with CatBoost and saves them in its own files: python train.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor

FEATURES, CLASSES = 64, 10
SETTINGS = {"iterations": 50, "depth": 4, "thread_count": 1, "verbose": False, "allow_writing_files": False}


def train() -> CatBoostClassifier:
    """A classifier that names the largest of the first ten numbers of its input, in words."""
    inputs = np.random.default_rng(0).random((1500, FEATURES))
    labels = [f"digit {largest}" for largest in inputs[:, :CLASSES].argmax(axis=1)]
    return CatBoostClassifier(**SETTINGS).fit(inputs, labels)


def train_regressor() -> CatBoostRegressor:
    """A regressor of counts, whose formula is of their logarithm."""
    inputs = np.random.default_rng(0).random((1500, FEATURES))
    counts = np.random.default_rng(1).poisson(10 * inputs[:, 0])
    return CatBoostRegressor(**SETTINGS, loss_function="Poisson").fit(inputs, counts)


def main(folder: Path) -> None:
    train().save_model(str(folder / "digits.cbm"))
    train_regressor().save_model(str(folder / "counts.cbm"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
