"""Running the generator: compiling it, writing what it is to send, reading what became of it."""

import hashlib
import math
import os
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.bodies import DIGITS, NOWHERE, Shot, read_bodies
from benchmarks.environment import Unavailable, run
from benchmarks.openloop.replies import body_of, cut, kind_of
from benchmarks.openloop.schedule import Phase, poisson_arrivals
from benchmarks.openloop.trace import Trace
from clipper.cli.bench.arrivals import Times

SOURCE = Path(__file__).with_name("generator.c")
COMPILERS = ("cc", "gcc", "clang")
FEWEST, MOST = 64, 2048  # connections
HELD_S = 0.05  # how long a request may hold its connection before others have to wait for one
LAST_REPLIES_S = 2.0  # how long after the last request its reply may still come; later ones count as lost
MARGIN_S = 60


class LoadError(Exception):
    """A load generator did not run to its end."""


def generator() -> Path:
    """The generator, compiled now if that has not been done. Raises Unavailable without a C compiler."""
    name = f"clipper-openloop-{os.getuid()}-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    program = Path(tempfile.gettempdir()) / name
    if not program.exists():
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None:
            raise Unavailable("a C compiler is needed for the load generator: sudo apt-get install gcc")
        fresh = program.with_suffix(f".{os.getpid()}")
        run([compiler, "-O2", "-o", str(fresh), str(SOURCE), "-lm"])
        fresh.replace(program)
    return program


def open_loop(port: int, shot: Shot, phases: Sequence[Phase], keep_replies: bool = False) -> Trace:
    """Load `127.0.0.1:port` with Poisson arrivals. Raises LoadError if the generator did not run to its end."""
    due = poisson_arrivals(phases, np.random.default_rng())
    return scheduled(port, shot, due, max(phase.rate for phase in phases), keep_replies)


def scheduled(port: int, shot: Shot, due: Times, most: float, keep_replies: bool = False) -> Trace:
    """The same with arrivals of one's own, of which `most` per second come where they are densest."""
    connections = min(MOST, max(FEWEST, math.ceil(most * HELD_S)))
    return _carry(port, shot, due, Carriage(connections, LAST_REPLIES_S, keep_replies))


def in_turn(port: int, shot: Shot, count: int, connections: int, limit_s: float = 120) -> Trace:
    """A closed loop of `count` requests, each leaving as soon as a connection is free; the replies are kept."""
    return _carry(port, shot, np.zeros(count), Carriage(connections, limit_s, keep_replies=True))


def in_turn_for(port: int, shot: Shot, connections: int, seconds: float) -> Trace:
    """A closed loop for so long. Latencies count from when a request left; what is under way at the end is left out."""
    return _carry(port, shot, None, Carriage(connections, seconds, keep_replies=False)).between(0.0, seconds)


@dataclass(frozen=True)
class Carriage:
    """How a load is carried: over how many connections, how long after its end replies are waited for (a closed loop:
    how long it lasts), and whether replies are kept."""

    connections: int
    grace_s: float
    keep_replies: bool


def _carry(port: int, shot: Shot, due: Times | None, how: Carriage) -> Trace:
    program = generator()
    with tempfile.TemporaryDirectory(prefix="cb-") as name:
        folder = Path(name)
        schedule: Path | str = "-"
        if due is not None:
            schedule = folder / "due"
            schedule.write_bytes(due.tobytes())
        write_requests(folder / "requests", port, shot)
        key = random.randrange(10**DIGITS)
        files = [schedule, folder / "requests", shot.keys or "-", folder / "output", folder / "replies"]
        command = [str(each) for each in (program, port, how.connections, key, how.grace_s, *files)]
        cpu_s = _run(command, (0.0 if due is None or not len(due) else float(due[-1])) + how.grace_s + MARGIN_S)
        times = np.fromfile(folder / "output", np.float64).reshape(-1, 2)
        replies = list(cut((folder / "replies").read_bytes()))
    kinds = np.array([kind_of(reply) for reply in replies], np.int8)
    left = np.nan_to_num(times[:, 0], nan=np.inf)
    kept = tuple(map(body_of, replies)) if how.keep_replies else ()
    return Trace(left if due is None else due, left, times[:, 1], kinds, cpu_s, kept)


def write_requests(path: Path, port: int, shot: Shot) -> None:
    """The bodies of a file as whole requests, in the generator's form."""
    with path.open("wb") as file:
        for body in read_bodies(shot.file):
            head = shot.head(port, len(body.data))
            at = NOWHERE if body.at == NOWHERE else len(head) + body.at
            file.write(struct.pack("<ii", len(head) + len(body.data), at))
            file.write(head + body.data)


def _run(command: list[str], limit_s: float) -> float:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"the load generator did not stop within {limit_s:.0f} s") from error
    if done.returncode != 0:
        raise LoadError(f"the load generator failed: {done.stderr.strip()[-300:]}")
    return float(done.stdout)
