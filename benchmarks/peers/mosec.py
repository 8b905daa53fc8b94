"""mosec: Rust in front, Python workers behind; the nearest peer."""

import json
from contextlib import AbstractContextManager

from benchmarks.cases import RequestFormat, Served
from benchmarks.peers.target import Endpoint, Start, Target, is_answer, service


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    return service("mosec", start, RequestFormat("/inference"), answers)


def answers(model: Served, reply: bytes) -> bool:
    return is_answer(model, json.loads(reply)["output"])


# max_wait_time is in milliseconds, and 0 means the default of 10.
TARGET = Target(
    name="mosec",
    title="mosec",
    serve=serve,
    package="mosec",
    settings=(
        {"max_batch_size": 32, "max_wait_time": 1},
        {"max_batch_size": 8, "max_wait_time": 1},
        {"max_batch_size": 16, "max_wait_time": 1},
        {"max_batch_size": 64, "max_wait_time": 1},
        {"max_batch_size": 64, "max_wait_time": 10},
        {"max_batch_size": 1, "max_wait_time": 0},
    ),
    by_wrk=True,
)
