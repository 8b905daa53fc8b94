"""MLServer: FastAPI in front, adaptive batching, the model in the server's process or in a worker of its own."""

import json
from contextlib import AbstractContextManager

from benchmarks.cases import RequestFormat, Served
from benchmarks.environment import python_for
from benchmarks.peers.target import Endpoint, Start, Target, is_answer, process_target
from benchmarks.processes import free_port


def request(width: int) -> RequestFormat:
    prefix = f'{{"inputs": [{{"name": "x", "shape": [1, {width}], "datatype": "FP64", "data": ['
    return RequestFormat("/v2/models/sums/infer", prefix, suffix="]}]}")


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    python = python_for("mlserver", start.cache)

    def command(port: int) -> list[str]:
        server = {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_endpoint": None,
            "parallel_workers": start.settings["parallel_workers"],
            "debug": False,
            "gzip_enabled": False,
        }
        model = {
            "name": "sums",
            "implementation": "benchmarks.services.mlserver.Sums",
            "max_batch_size": start.settings["max_batch_size"],
            "max_batch_time": start.settings["max_batch_time"],
        }
        (start.folder / "settings.json").write_text(json.dumps(server))
        (start.folder / "model-settings.json").write_text(json.dumps(model))
        return [str(python.with_name("mlserver")), "start", str(start.folder)]

    return process_target(start, command, request(len(start.model.example)), answers)


def answers(model: Served, reply: bytes) -> bool:
    return is_answer(model, json.loads(reply)["outputs"][0]["data"][0])


# max_batch_time is in seconds.
TARGET = Target(
    name="mlserver",
    title="MLServer",
    serve=serve,
    package="mlserver",
    settings=(
        {"max_batch_size": 64, "max_batch_time": 0.02, "parallel_workers": 0},
        {"max_batch_size": 64, "max_batch_time": 0.005, "parallel_workers": 0},
        {"max_batch_size": 32, "max_batch_time": 0.002, "parallel_workers": 0},
        {"max_batch_size": 64, "max_batch_time": 0.02, "parallel_workers": 1},
        {"max_batch_size": 32, "max_batch_time": 0.002, "parallel_workers": 1},
        {"max_batch_size": 0, "max_batch_time": 0.0, "parallel_workers": 0},
    ),
)
