"""The models as a LitServe API: one worker process."""

from typing import Any

import litserve  # type: ignore[import-not-found]
from starlette.requests import Request

from benchmarks.services.job import Job

JOB = Job.current()
SETTINGS = JOB.settings


class Sums(litserve.LitAPI):  # type: ignore[misc]
    """LitServe calls batch and unbatch only when it batches."""

    def setup(self, device: str) -> None:
        self.predict_batch = JOB.predict_batch()

    def decode_request(self, request: Request) -> Any:  # LitServe reads the annotation, and hands over the parsed JSON
        return request["input"]

    def batch(self, inputs: Any) -> Any:
        return inputs

    def predict(self, x: Any) -> Any:
        return self.predict_batch(x) if SETTINGS["max_batch_size"] > 1 else self.predict_batch([x])[0]

    def unbatch(self, output: Any) -> Any:
        return output

    def encode_response(self, output: Any) -> Any:
        return {"output": output}


if __name__ == "__main__":
    api = Sums(max_batch_size=SETTINGS["max_batch_size"], batch_timeout=SETTINGS["batch_timeout"])
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=bool(SETTINGS["fast_queue"]))
    server.run(
        host="127.0.0.1",
        port=JOB.port,
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
