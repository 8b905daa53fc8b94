"""MLflow's own answers: run with FOLDER HOME. Deploys nothing."""

import sys
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd

from examples.mlflow import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


class Sentence(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Code of the user's own, over a data frame with named columns."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[str]:
        if (model_input["age"] < 0).any():
            raise ValueError("an age is below 0")
        return [f"{age:g} years, {size:g} m" for age, size in zip(model_input["age"], model_input["size"], strict=True)]


def main(folder: Path) -> None:
    requirements = requirements_of("mlflow")
    train.main(folder, requirements)
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES))
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", mlflow.pyfunc.load_model(str(folder / "digits")).predict(inputs))
    frame = pd.DataFrame({"age": [1.0, 2.0], "size": [0.8, 0.9]})
    mlflow.pyfunc.save_model(
        folder / "frame", python_model=Sentence(), input_example=frame, pip_requirements=requirements
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
