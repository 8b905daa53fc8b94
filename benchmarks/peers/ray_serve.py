"""Ray Serve in its throughput-optimised mode: a proxy in front of one replica, which is an actor."""

import json
from contextlib import AbstractContextManager

from benchmarks.cases import RequestFormat, Served
from benchmarks.peers.target import Endpoint, Start, Target, is_answer, service
from benchmarks.processes import free_port


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    folder = start.folder
    environment = {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_ENABLE_HA_PROXY": str(int(start.settings["haproxy"])),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(folder),
    }
    return service("ray_serve", start, RequestFormat("/"), answers, environment)


def answers(model: Served, reply: bytes) -> bool:
    return is_answer(model, json.loads(reply)["output"])


# batch_wait_timeout_s is in seconds; haproxy puts HAProxy in front of the replica instead of Ray's own Python proxy.
TARGET = Target(
    name="ray_serve",
    title="Ray Serve",
    serve=serve,
    package="ray",
    settings=(
        {"max_batch_size": 64, "batch_wait_timeout_s": 0.005, "haproxy": True},
        {"max_batch_size": 8, "batch_wait_timeout_s": 0.001, "haproxy": True},
        {"max_batch_size": 32, "batch_wait_timeout_s": 0.002, "haproxy": True},
        {"max_batch_size": 64, "batch_wait_timeout_s": 0.02, "haproxy": True},
        {"max_batch_size": 1, "batch_wait_timeout_s": 0.0, "haproxy": True},
        {"max_batch_size": 64, "batch_wait_timeout_s": 0.005, "haproxy": False},
    ),
)
