"""A bare ASGI echo on uvicorn with uvloop and httptools: the least a Python HTTP server costs."""

from contextlib import AbstractContextManager

from benchmarks.cases import EXAMPLE, RequestFormat, Served
from benchmarks.peers.target import Endpoint, Start, Target, service

REQUEST = RequestFormat("/predict")


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    return service("echo", start, REQUEST, answers)


def answers(_model: Served, reply: bytes) -> bool:
    return reply == REQUEST.body(EXAMPLE)


TARGET = Target(name="echo", title="uvicorn, an echo", serve=serve, package="uvicorn", batches=False)
