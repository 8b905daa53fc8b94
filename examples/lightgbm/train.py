"""Trains LightGBM on scikit-learn's digits, by their names, and saves it as text: python train.py FOLDER."""

import sys
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.datasets import load_digits

FEATURES = 64
WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def train() -> lightgbm.LGBMClassifier:
    images, digits = load_digits(return_X_y=True)
    return lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(images, WORDS[digits])


def main(folder: Path) -> None:
    train().booster_.save_model(folder / "digits.txt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
