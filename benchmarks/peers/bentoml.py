"""BentoML: Starlette in front, an adaptive batcher that learns its own waiting time."""

import json
from contextlib import AbstractContextManager

from benchmarks.cases import RequestFormat, Served
from benchmarks.environment import python_for
from benchmarks.peers.target import Endpoint, Start, Target, is_answer, process_target

REQUEST = RequestFormat("/predict", prefix='{"input": [[', suffix="]]}")


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    python = python_for("bentoml", start.cache)

    def command(port: int) -> list[str]:
        options = ["--host", "127.0.0.1", "--port", str(port), "--working-dir", str(start.folder)]
        return [str(python), "-m", "bentoml", "serve", "benchmarks.services.bentoml:Sums", *options]

    environment = {"BENTOML_HOME": str(start.folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    return process_target(start, command, REQUEST, answers, environment)


def answers(model: Served, reply: bytes) -> bool:
    return is_answer(model, json.loads(reply)[0])


# max_latency_ms is what the batcher aims at; it answers 503 when it foresees missing it.
TARGET = Target(
    name="bentoml",
    title="BentoML",
    serve=serve,
    package="bentoml",
    settings=(
        {"max_batch_size": 64, "max_latency_ms": 1000},
        {"max_batch_size": 32, "max_latency_ms": 1000},
        {"max_batch_size": 100, "max_latency_ms": 60000},
        {"max_batch_size": 8, "max_latency_ms": 1000},
    ),
)
