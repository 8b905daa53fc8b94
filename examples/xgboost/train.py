"""Trains XGBoost on scikit-learn's digits and saves it as JSON: python train.py FOLDER."""

import sys
from pathlib import Path

from sklearn.datasets import load_digits
from xgboost import XGBClassifier

FEATURES = 64


def train() -> XGBClassifier:
    images, digits = load_digits(return_X_y=True)
    return XGBClassifier(n_estimators=10, max_depth=4, n_jobs=1).fit(images, digits)


def main(folder: Path) -> None:
    train().save_model(folder / "digits.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
