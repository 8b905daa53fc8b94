"""A relay between the load and one of Clipper's containers: what is left of a frontend that does nothing of its own."""

import json
import sys
from contextlib import AbstractContextManager

from benchmarks.cases import RequestFormat, Served
from benchmarks.peers.target import Endpoint, Start, Target, process_target

COMMAND = [sys.executable, "-m", "benchmarks.services.relay"]


def serve(start: Start) -> AbstractContextManager[Endpoint]:
    return process_target(start, lambda _: COMMAND, RequestFormat("/predict"), answers)


def answers(_model: Served, reply: bytes) -> bool:
    """Whatever the model says of the bytes: nobody has read numbers in them."""
    return isinstance(json.loads(reply)["output"], float)


TARGET = Target(name="relay", title="relay, to Clipper's container", serve=serve, by_wrk=True)
