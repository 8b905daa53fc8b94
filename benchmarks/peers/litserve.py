"""LitServe: FastAPI in front, one worker process behind."""

import json
from contextlib import AbstractContextManager

from benchmarks.cases import RequestFormat, Served
from benchmarks.peers.target import Endpoint, Start, Target, is_answer, service


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    return service("litserve", start, RequestFormat("/predict"), answers)


def answers(model: Served, reply: bytes) -> bool:
    return is_answer(model, json.loads(reply)["output"])


# batch_timeout is in seconds; fast_queue sends replies over ZeroMQ instead of a managed queue.
TARGET = Target(
    name="litserve",
    title="LitServe",
    serve=serve,
    package="litserve",
    settings=(
        {"max_batch_size": 32, "batch_timeout": 0.002, "fast_queue": True},
        {"max_batch_size": 8, "batch_timeout": 0.001, "fast_queue": True},
        {"max_batch_size": 64, "batch_timeout": 0.005, "fast_queue": True},
        {"max_batch_size": 64, "batch_timeout": 0.02, "fast_queue": True},
        {"max_batch_size": 32, "batch_timeout": 0.002, "fast_queue": False},
        {"max_batch_size": 1, "batch_timeout": 0.0, "fast_queue": True},
    ),
)
