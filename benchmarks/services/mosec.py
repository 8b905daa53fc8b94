"""The models as a mosec service: one stage, one worker process."""

import sys
from typing import Any

from mosec import Server, Worker  # type: ignore[import-not-found]

from benchmarks.services.job import Job

JOB = Job.current()
SETTINGS = JOB.settings


class Sums(Worker):  # type: ignore[misc]
    """mosec hands a worker lists only when it batches."""

    def __init__(self) -> None:
        super().__init__()
        self.predict_batch = JOB.predict_batch()

    def forward(self, data: Any) -> Any:
        if SETTINGS["max_batch_size"] == 1:
            return {"output": self.predict_batch([data["input"]])[0]}
        return [{"output": y} for y in self.predict_batch([request["input"] for request in data])]


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(JOB.port), "--log-level", "warning"]
    server = Server()
    server.append_worker(Sums, **SETTINGS)
    server.run()
