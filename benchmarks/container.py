"""What a container adds to its model: `python -m benchmarks.container`.

For a model that does nothing, per batch: the time inside the process (decode, call, encode), then the round trip over a
unix socket to a container process, for which one batch at a time is sent and then two, as a frontend does.
"""

import argparse
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from clipper.container.bundle import Manifest, write_bundle
from clipper.container.failures import FailureLog
from clipper.container.loaders import LoadedModel
from clipper.container.memory import keep_freed_memory
from clipper.container.model import Model
from clipper.core.inputs import DType, Input, InputType
from clipper.wire.batches import decode_predict, encode_predict, encode_result
from clipper.wire.frames import HEADER_SIZE
from clipper.wire.handshake import dialer_half
from clipper.wire.session import ResultReceived, Role, Session

TUNABLES = "glibc.cpu.x86_rep_movsb_threshold=1073741824"
"""On AMD's Zen, copying with `rep movsb` (what glibc does from 4 KB on) is 15 times slower where source and target have
nearly the same place in their pages, which is chance: without this the figures jump between 33 and 160 us."""

TOKEN = "0123456789abcdef" * 4
BUDGET_US = 60.0
"""For decoding, calling and encoding 64 x 784 doubles around a model that does nothing."""

SHAPES = [(1, 8), (64, 8), (1, 784), (64, 784), (512, 784)]
OUTPUTS: dict[str, Callable[[int], object]] = {
    "int array": np.arange,
    "float array": lambda size: np.arange(size) / 8,
    "random floats": lambda size: np.random.default_rng(0).random(size),
    "list of labels": lambda size: ["cat"] * size,
    "10 scores each": lambda size: np.random.default_rng(0).random((size, 10)),
}


def batch_of(size: int, width: int) -> list[Input]:
    rows = np.random.default_rng(0).random((size, width))
    return [Input(DType.FLOAT64, (width,), row.tobytes()) for row in rows]


def fastest_us(call: Callable[[], object], rounds: int) -> float:
    """The least of `rounds` times of ten calls, in microseconds a call: other work on the machine is not ours."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(10):
            call()
        best = min(best, time.perf_counter() - start)
    return best / 10 * 1e6


def in_process_us(size: int, width: int, outputs: object, rounds: int) -> float:
    model = Model(LoadedModel(lambda inputs: outputs, None), InputType.DOUBLES, FailureLog(time.monotonic))
    body = encode_predict(1, batch_of(size, width))[HEADER_SIZE:]
    return fastest_us(lambda: encode_result(1, model.predict(decode_predict(body)), 0), rounds)


@contextmanager
def container_link(folder: Path) -> Iterator[tuple[socket.socket, Session]]:
    """A link to a container of a model that does nothing."""

    def nothing(inputs: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.zeros(len(inputs), np.int64)

    manifest = Manifest(framework="python", entry="function.pkl", input_type=InputType.DOUBLES)
    write_bundle(folder / "bundle", manifest, {"function.pkl": cloudpickle.dumps(nothing)})
    path = folder / "socket"
    command = [sys.executable, "-m", "clipper.container", "--bundle", str(folder / "bundle")]
    command += ["--listen", f"unix:{path}", "--model", "nothing", "--version", "1"]
    environment = {**os.environ, "CLIPPER_CONTAINER_TOKEN": TOKEN}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            while not path.exists():
                time.sleep(0.01)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
                session = Session(Role.DIALER)
                connection.sendall(session.send_hello(dialer_half(TOKEN), "benchmark"))
                session.receive(connection.recv(1 << 16))
                yield connection, session
        finally:
            process.terminate()


def round_trips_us(link: tuple[socket.socket, Session], inputs: list[Input], depth: int, count: int) -> float:
    """Median time between results with `depth` batches in flight, in microseconds."""
    connection, session = link
    frame = session.send_predict(1, inputs)
    times = []
    for _ in range(depth):
        connection.sendall(frame)
    last = time.perf_counter()
    received = 0
    while received < count:
        for event in session.receive(connection.recv(1 << 18)):
            assert isinstance(event, ResultReceived)
            received += 1
            now = time.perf_counter()
            times.append((now - last) * 1e6)
            last = now
            if received + depth <= count:
                connection.sendall(frame)
    return median(times)


def memory_copy_gb_per_s() -> float:
    """How fast this machine copies, to compare the figures above with another's."""
    data = struct.pack("d", 1.0) * 1_000_000
    return len(data) / fastest_us(lambda: bytearray(data), 20) / 1e3


def main() -> None:
    if os.environ.get("GLIBC_TUNABLES") != TUNABLES:  # the C library reads it when a process starts
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "GLIBC_TUNABLES": TUNABLES})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="repetitions of each measurement (default %(default)s)")
    rounds = parser.parse_args().rounds
    keep_freed_memory()
    print(f"memory copy {memory_copy_gb_per_s():.1f} GB/s\n")
    print("inside the process, 64 x 784 doubles, by output     us a batch")
    for name, make in OUTPUTS.items():
        print(f"  {name:48s}{in_process_us(64, 784, make(64), rounds):12.1f}")
    noop_us = in_process_us(64, 784, np.zeros(64, np.int64), rounds)
    print(f"  budget: {noop_us:.1f} of {BUDGET_US:.0f} us {'kept' if noop_us <= BUDGET_US else 'BROKEN'}\n")
    print("round trip to a container process (us a batch)     1 in flight   2 in flight")
    with tempfile.TemporaryDirectory() as folder, container_link(Path(folder)) as link:
        for size, width in SHAPES:
            inputs = batch_of(size, width)
            alone, pair = (round_trips_us(link, inputs, depth, rounds * 5) for depth in (1, 2))
            print(f"  {f'{size} x {width} doubles':48s}{alone:12.1f}{pair:14.1f}")


if __name__ == "__main__":
    main()
