"""What the harness tells a service, and the models themselves. Standard library only: every environment imports it."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from benchmarks import tally
from benchmarks.cases import Model, Settings

VARIABLE = "BENCH_JOB"

JOBLIB = ".joblib"

PredictBatch = Callable[[Sequence[Sequence[float]]], list[float]]


@dataclass(frozen=True)
class Job:
    """Which model to serve, where, how, and where to count its batches."""

    model: str
    port: int
    tally: str
    settings: Settings

    @classmethod
    def current(cls) -> "Job":
        """The job in the environment: servers import their services by name, so there are no arguments."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    @property
    def is_estimator(self) -> bool:
        """Whether the model is scikit-learn's, which takes an array as well as lists."""
        return self.model.endswith(JOBLIB)

    def predict_batch(self) -> PredictBatch:
        """The model: rows of doubles in, one double each out. To be made in the process that runs it."""
        count = tally.counter(self.tally)
        if self.is_estimator:
            return _estimator(self.model, count)

        def noop(rows: Sequence[Sequence[float]]) -> list[float]:
            count(len(rows))
            return [1.0] * len(rows)

        def row_sum(rows: Sequence[Sequence[float]]) -> list[float]:
            count(len(rows))
            return [sum(row) for row in rows]

        return noop if self.model == Model.NOOP else row_sum


def _estimator(path: str, count: Callable[[int], None]) -> PredictBatch:
    import joblib
    import numpy as np

    predict = joblib.load(path).predict

    def labels(rows: Sequence[Sequence[float]]) -> list[float]:
        count(len(rows))
        found: list[float] = predict(np.asarray(rows, np.float64)).tolist()
        return found

    return labels
