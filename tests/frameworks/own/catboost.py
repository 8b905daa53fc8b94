"""CatBoost's own answers: run with FOLDER HOME; deploys a live classifier at HOME."""

import sys
from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor

from clipper.client import connect
from examples.catboost import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    train.main(folder)
    classifier = CatBoostClassifier().load_model(str(folder / "digits.cbm"))
    regressor = CatBoostRegressor().load_model(str(folder / "counts.cbm"))
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES))
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", classifier.predict(inputs).ravel().astype(str))
    np.save(folder / "scores.npy", classifier.predict_proba(inputs))
    np.save(folder / "raw.npy", classifier.predict(inputs, prediction_type="RawFormulaVal"))
    np.save(folder / "counts.npy", regressor.predict(inputs))
    with connect(home) as clipper:
        clipper.deploy_model("catboost-live", 1, train.train(), requirements=requirements_of("catboost"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
