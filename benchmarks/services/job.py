"""What the harness tells a service, and the models themselves. Standard library only: every environment imports it."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from benchmarks import tally
from benchmarks.cases import Model, Settings

VARIABLE = "BENCH_JOB"

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

    def predict_batch(self) -> PredictBatch:
        """The model: rows of doubles in, one double each out. To be made in the process that runs it."""
        count = tally.counter(self.tally)

        def noop(rows: Sequence[Sequence[float]]) -> list[float]:
            count(len(rows))
            return [1.0] * len(rows)

        def row_sum(rows: Sequence[Sequence[float]]) -> list[float]:
            count(len(rows))
            return [sum(row) for row in rows]

        return noop if self.model == Model.NOOP else row_sum
