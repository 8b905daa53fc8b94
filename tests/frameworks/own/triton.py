"""Triton with a Python model, by PyTriton: which number of each input is the largest. Its argument is a port."""

import sys
from typing import Any

import numpy as np
from pytriton.decorators import batch  # type: ignore[import-not-found]
from pytriton.exceptions import PyTritonInvalidOperationError  # type: ignore[import-not-found]
from pytriton.model_config import ModelConfig, Tensor  # type: ignore[import-not-found]
from pytriton.triton import Triton, TritonConfig  # type: ignore[import-not-found]


@batch  # type: ignore[untyped-decorator]
def largest(x: Any) -> list[Any]:
    if (x < 0).any():
        raise PyTritonInvalidOperationError("a number is below 0")
    return [x.argmax(axis=1)[:, None]]


if __name__ == "__main__":
    config = TritonConfig(http_address="127.0.0.1", http_port=int(sys.argv[1]), allow_grpc=False, allow_metrics=False)
    with Triton(config=config) as server:
        server.bind(
            model_name="largest",
            infer_func=largest,
            inputs=[Tensor(name="x", dtype=np.float32, shape=(3,))],
            outputs=[Tensor(name="largest", dtype=np.int64, shape=(1,))],
            config=ModelConfig(max_batch_size=64),
        )
        server.serve()
