"""What one batch costs between a frontend's link and a container: rows through the socket, and through shared memory.

`python -m benchmarks.arena` prints the CPU time of both processes and the time per batch, with two batches in flight,
in microseconds; where the columns cross is `MIN_SHARED_BYTES` of `abstraction/link.py`.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import cloudpickle
import uvloop

from benchmarks.processes import running
from clipper.abstraction import link
from clipper.container.bundle import Manifest, write_bundle
from clipper.core.inputs import DType, Input, InputType
from clipper.wire.batches import ResultBatch

BATCHES = ((1, 16_384), (1, 32_768), (1, 65_536), (1, 150_528), (1, 602_112), (16, 6272), (64, 6272), (16, 150_528))
BYTES_PER_ROUND = 40_000_000
ROUNDS = 5
TOKEN = bytes(range(32)).hex()
NEVER = 1 << 40


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = folder / "bundle"
        manifest = Manifest(framework="python", entry="function.pkl", input_type=InputType.DOUBLES, example=[1.0])
        write_bundle(bundle, manifest, {"function.pkl": cloudpickle.dumps(lambda rows: [1] * len(rows))})
        address = f"unix:{folder / 'socket'}"
        command = [sys.executable, "-m", "clipper.container", "--bundle", str(bundle), "--listen", address]
        command += ["--model", "noop", "--version", "1"]
        os.environ["CLIPPER_CONTAINER_TOKEN"] = TOKEN
        with running(command, folder) as container:
            uvloop.run(compare(address, container.pid))


async def compare(address: str, container: int) -> None:
    dialler = link.Link(address, TOKEN, "benchmark", link.LinkConfig())
    driver = Driver(dialler)
    dialler.start(driver)
    await driver.ready.wait()
    print(f"{'batch':>12} {'socket: CPU':>12} {'time':>8} {'arena: CPU':>12} {'time':>8}")
    for rows, size in BATCHES:
        batches = [[Input(DType.UINT8, (size,), os.urandom(size)) for _ in range(rows)] for _ in range(4)]
        costs: dict[int, list[tuple[float, float]]] = {NEVER: [], 0: []}
        for threshold in (NEVER, 0) * ROUNDS:
            link.MIN_SHARED_BYTES = threshold
            costs[threshold].append(await driver.run(batches, max(20, BYTES_PER_ROUND // (rows * size)), container))
        socket, arena = ([statistics.median(each) for each in zip(*costs[key], strict=True)] for key in (NEVER, 0))
        print(
            f"{rows:4}x{size:7} {socket[0]:12.0f} {socket[1]:8.0f} {arena[0]:12.0f} {arena[1]:8.0f}"
            f"   {socket[0] / arena[0]:.2f}x {socket[1] / arena[1]:.2f}x"
        )
    await dialler.stop()


class Driver:
    """Keeps two batches in flight until enough have been answered."""

    def __init__(self, dialler: link.Link) -> None:
        self.ready = asyncio.Event()
        self._link = dialler
        self._done = asyncio.Event()
        self._left = 0
        self._batches: Any = None

    async def run(self, batches: list[list[Input]], count: int, container: int) -> tuple[float, float]:
        """CPU time of both processes, and time, in microseconds per batch."""
        self._batches, self._left = cycle(batches), count
        self._done.clear()
        cpu_ns, start = _cpu_ns(container), time.perf_counter()
        self._send()
        self._send()
        await self._done.wait()
        return (_cpu_ns(container) - cpu_ns) / count / 1e3, (time.perf_counter() - start) / count * 1e6

    def link_ready(self) -> None:
        self.ready.set()

    def link_result(self, batch_id: int, result: ResultBatch) -> None:
        self._left -= 1
        if self._left == 0:
            self._done.set()
        elif self._left >= 2:
            self._send()

    def link_lost(self) -> None:
        """Only at the end."""

    def _send(self) -> None:
        self._link.send(time.monotonic_ns(), next(self._batches))


def _cpu_ns(container: int) -> int:
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in (container, os.getpid()))


if __name__ == "__main__":
    main()
