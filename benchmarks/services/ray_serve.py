"""The models as a Ray Serve deployment: one replica, one proxy."""

import signal
from typing import Any

import ray  # type: ignore[import-not-found]
from ray import serve

from benchmarks.services.job import Job

JOB = Job.current()
SETTINGS = JOB.settings


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Sums:
    """Batches form inside the replica, in front of `answer`."""

    def __init__(self) -> None:
        self.predict_batch = JOB.predict_batch()

    @serve.batch(max_batch_size=SETTINGS["max_batch_size"], batch_wait_timeout_s=SETTINGS["batch_wait_timeout_s"])  # type: ignore[untyped-decorator]
    async def answer(self, rows: list[list[float]]) -> list[float]:
        return self.predict_batch(rows)

    async def __call__(self, request: Any) -> Any:
        return {"output": await self.answer((await request.json())["input"])}


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    serve.start(http_options={"host": "127.0.0.1", "port": JOB.port})
    serve.run(Sums.bind(), route_prefix="/")  # type: ignore[attr-defined]
    signal.sigwait({signal.SIGTERM})
    ray.shutdown()
