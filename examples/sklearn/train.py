"""Trains a pipeline on scikit-learn's digits and saves it in both of its formats: python train.py FOLDER."""

import sys
from pathlib import Path

import joblib
import skops.io
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = 64


def train() -> Pipeline:
    images, digits = load_digits(return_X_y=True)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(images, digits)


def main(folder: Path) -> None:
    model = train()
    joblib.dump(model, folder / "digits.joblib")
    skops.io.dump(model, folder / "digits.skops")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
