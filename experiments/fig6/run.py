"""The paper's Fig. 6: throughput by number of replicas, behind a fast and a slow link."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environment import Unavailable
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import Closed, closed
from benchmarks.layer.server import Layer, fresh_folder, layer
from benchmarks.section import Line, Plot
from experiments.lib import statistics
from experiments.lib.finding import Finding, at_least, at_most, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

LINKS = {"1 Gbit/s": "1gbit", "100 Mbit/s": "100mbit"}
REPLICAS = (1, 2, 3, 4)
FIRST_S, EACH_S = 0.001, 0.0012
SLO_MS, CONNECTIONS = 100.0, 48  # connections for each replica
NEAR, FAR, PORT = "198.18.77.1", "198.18.77.2", 7000  # addresses of the benchmarking range; they exist here alone
SPACE, DEVICE, PEER = "clipper-fig6", "cfig6a", "cfig6b"
START_S = 10.0
PAPER = {
    "1 Gbit/s": "19,477 / 38,538 / 57,631 / 77,122 at 10 Gbit/s",
    "100 Mbit/s": "19,728 / 35,456 / 38,721 / 38,524 at 1 Gbit/s",
}


class Remote:
    """Hands each batch on to a machine of its own behind the network."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.connection: Any = None

    def predict_batch(self, inputs: Any) -> list[int]:
        import socket
        import struct

        if self.connection is None:
            self.connection = socket.create_connection((self.address, self.port))
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        content = inputs.tobytes()
        self.connection.sendall(struct.pack("<II", len(content), len(inputs)) + content)
        if not self.connection.recv(1):
            raise OSError("the machine is gone")
        return [0] * len(inputs)


def run(setting: Setting) -> Finding:
    """Rounds over all numbers of replicas, link by link."""
    if os.geteuid() != 0:
        raise Unavailable("network namespaces need root")
    bench, rounds = timed(setting), setting.choose(3, 1)
    found: dict[str, dict[int, list[Closed]]] = {}
    with network(), fresh_folder() as folder, layer(folder, SLO_MS) as server:
        server.deploy(Remote(FAR, PORT), example=[0.0] * bench.digits.test.shape[1])
        for name, rate in LINKS.items():
            shape(rate)
            found[name] = {}
            for replicas in REPLICAS * rounds:
                result = _measured(bench, server, replicas)
                found[name].setdefault(replicas, []).append(result)
                bench.tell(f"{name}, {replicas}: {result.per_second:,.0f}/s, p99 {result.p99_ms:.0f} ms")
    rates = {name: {n: [r.per_second for r in rounds] for n, rounds in each.items()} for name, each in found.items()}
    fast, slow = (rates[name] for name in LINKS)
    claims = [
        at_least("fast link: throughput of 4 replicas, of one's", statistics.ratio(fast[4], fast[1]), 3.9, "×"),
        at_most("slow link: throughput of 4 replicas, of two's", statistics.ratio(slow[4], slow[2]), 1.3, "×"),
    ]
    rows = []
    for name, each in found.items():
        for n, results in each.items():
            mbit = np.mean([r.per_second for r in results]) * bench.digits.test.shape[1] * 8 * 8 / 1e6
            cells = (
                statistics.mean(rates[name][n]).text(),
                f"{mbit:.0f}",
                f"{results[-1].p50_ms:.0f}",
                f"{results[-1].p99_ms:.0f}",
            )
            rows.append((name, n, *cells, PAPER[name] if n == 1 else "–"))
    head = ("link", "replicas", "answers/s", "inputs, Mbit/s", "p50, ms", "p99, ms", "the paper's, 1 to 4 replicas")
    lines = [
        Line(name, list(each), [float(np.mean(values)) for values in each.values()]) for name, each in rates.items()
    ]
    plot = Plot("fig6", "Replicas behind a link", "replicas", "answers/s", lines)
    return Finding("fig6", claims, [sheet("Scaling", head, rows)], [plot])


def _measured(bench: LayerBench, server: Layer, replicas: int) -> Closed:
    server.client.set_num_replicas(server.name, replicas)
    server.client.wait_until_ready()
    shot = bench.raw()
    closed(server, shot, CONNECTIONS * replicas, 1.0)
    return closed(server, shot, CONNECTIONS * replicas, bench.seconds)


@contextlib.contextmanager
def network() -> Iterator[None]:
    """A namespace behind a link, with the machines in it; both gone with the scope."""
    _ip("netns", "add", SPACE)
    machines = None
    try:
        _ip("link", "add", DEVICE, "type", "veth", "peer", "name", PEER, "netns", SPACE)
        _ip("addr", "add", f"{NEAR}/30", "dev", DEVICE)
        _ip("link", "set", DEVICE, "up")
        _ip("-n", SPACE, "addr", "add", f"{FAR}/30", "dev", PEER)
        _ip("-n", SPACE, "link", "set", PEER, "up")
        program = Path(__file__).with_name("machines.py")
        command = ["nsenter", f"--net=/run/netns/{SPACE}", sys.executable, str(program)]
        machines = subprocess.Popen([*command, FAR, str(PORT), str(FIRST_S), str(EACH_S)])
        _wait_for_machines()
        yield
    finally:
        if machines is not None:
            machines.kill()
            machines.wait()
        _ip("netns", "del", SPACE)


def shape(rate: str) -> None:
    """What the near side may send."""
    command = [
        "tc",
        "qdisc",
        "replace",
        "dev",
        DEVICE,
        "root",
        "tbf",
        "rate",
        rate,
        "burst",
        "256kb",
        "latency",
        "50ms",
    ]
    _run(command)


def _wait_for_machines() -> None:
    import socket

    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection((FAR, PORT), 1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise Unavailable("the machines behind the network do not answer") from None
            time.sleep(0.05)


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable(f"{error.filename} is not installed: apt-get install iproute2") from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[:4])} failed: {done.stderr.strip()[:200]}")
