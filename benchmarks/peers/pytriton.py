"""Triton with a Python model, by PyTriton: Triton's server and batcher in front, the model in a process behind it.

Triton's Python backend brings an interpreter of its own and takes the standard library of ours: 0.7.0 starts with
Python 3.11.2 and not with 3.11.7, whose `multiprocessing` asks its lock for what the older interpreter does not have.
"""

from contextlib import AbstractContextManager

from benchmarks.peers.mlserver import answers, request
from benchmarks.peers.target import Endpoint, Start, Target, service


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    environment = {"PYTRITON_HOME": str(start.folder)}
    return service("pytriton", start, request(len(start.model.example)), answers, environment)


# max_queue_delay_us is how long Triton waits for company, in microseconds.
TARGET = Target(
    name="pytriton",
    title="Triton (PyTriton)",
    serve=serve,
    package="nvidia-pytriton",
    settings=(
        {"max_batch_size": 64, "max_queue_delay_us": 1000},
        {"max_batch_size": 64, "max_queue_delay_us": 5000},
        {"max_batch_size": 64, "max_queue_delay_us": 0},
        {"max_batch_size": 8, "max_queue_delay_us": 1000},
    ),
)
