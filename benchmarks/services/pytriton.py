"""The models behind Triton, by PyTriton: Triton's HTTP server and batcher, and the model in this process."""

from typing import Any

import numpy as np
from pytriton.decorators import batch  # type: ignore[import-not-found]
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor  # type: ignore[import-not-found]
from pytriton.triton import Triton, TritonConfig  # type: ignore[import-not-found]

from benchmarks.services.job import Job

ANY = -1  # of an input's size: whatever comes


def serve(job: Job) -> None:
    """Until it is stopped."""
    predict_batch = job.predict_batch()

    @batch  # type: ignore[untyped-decorator]
    def infer(x: Any) -> list[Any]:
        return [np.array(predict_batch(x if job.is_estimator else x.tolist()), np.float64)[:, None]]

    config = TritonConfig(http_address="127.0.0.1", http_port=job.port, allow_grpc=False, allow_metrics=False)
    batcher = DynamicBatcher(max_queue_delay_microseconds=int(job.settings["max_queue_delay_us"]))
    with Triton(config=config) as triton:
        triton.bind(
            model_name="sums",
            infer_func=infer,
            inputs=[Tensor(name="x", dtype=np.float64, shape=(ANY,))],
            outputs=[Tensor(name="y", dtype=np.float64, shape=(1,))],
            config=ModelConfig(max_batch_size=int(job.settings["max_batch_size"]), batcher=batcher),
        )
        triton.serve()


if __name__ == "__main__":
    serve(Job.current())
