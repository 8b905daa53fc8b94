"""The models as a BentoML service with a batchable endpoint: one worker process."""

import bentoml  # type: ignore[import-not-found]

from benchmarks.services.job import Job

JOB = Job.current()


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Sums:
    """Rows of several requests arrive joined along the first dimension."""

    def __init__(self) -> None:
        self.predict_batch = JOB.predict_batch()

    @bentoml.api(batchable=True, batch_dim=0, **JOB.settings)  # type: ignore[untyped-decorator]
    def predict(self, input: list[list[float]]) -> list[float]:
        return self.predict_batch(input)
