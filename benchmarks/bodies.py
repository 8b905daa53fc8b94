"""Request bodies made before the clock starts, in a file that the load generator reads.

A body is one input, as JSON or as raw bytes. Eight bytes of it may be replaced by eight decimal digits, which makes
every request a different input at the price of one copy: in JSON they are digits of the first number, in an image they
are eight pixels of the corner, and read as a double they are a harmless one between 1e-77 and 1e-38.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import RequestFormat

DIGITS = 8
NOWHERE = -1  # the body is sent as it is

JSON = "application/json"
BINARY = "application/octet-stream"

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """What is posted. `at` is where the eight digits go."""

    data: bytes
    at: int = NOWHERE


@dataclass(frozen=True)
class Shot:
    """Where and how the bodies of a file are posted."""

    path: str
    content_type: str
    file: Path
    keys: Path | None = None  # eight digits for each request, in turn; without: a counter, so that all differ

    def head(self, port: int, length: int) -> bytes:
        """Request line and headers of a body of that length."""
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


def raw_bodies(rows: NDArray[np.generic], different: bool = True) -> Iterator[Body]:
    """Rows as raw tensors."""
    return (Body(row.tobytes(), 0 if different else NOWHERE) for row in rows)


def json_bodies(rows: Rows, request: RequestFormat, different: bool = True) -> Iterator[Body]:
    """Rows as JSON; if they are to differ, the first number becomes 0.00 and the digits."""
    first = "0.00" + "0" * DIGITS
    at = len(request.prefix) + len(first) - DIGITS
    for row in rows.tolist():
        numbers = [first, *map(repr, row[1:])] if different else list(map(repr, row))
        yield Body((request.prefix + ", ".join(numbers) + request.suffix).encode(), at if different else NOWHERE)


def write_bodies(path: Path, bodies: Iterable[Body]) -> Path:
    """Each body behind a line with its place for the digits and its length."""
    with path.open("wb") as file:
        for body in bodies:
            file.write(b"%d %d\n" % (body.at, len(body.data)))
            file.write(body.data)
    return path


def read_bodies(path: Path) -> list[Body]:
    """What `write_bodies` wrote."""
    bodies = []
    with path.open("rb") as file:
        while line := file.readline():
            at, length = map(int, line.split())
            bodies.append(Body(file.read(length), at))
    return bodies


def write_keys(path: Path, keys: Sequence[int]) -> Path:
    """The numbers that make inputs differ, in the order in which they are to be sent."""
    path.write_bytes(b"".join(b"%08d" % key for key in keys))
    return path


def read_keys(path: Path) -> list[bytes]:
    """What `write_keys` wrote."""
    data = path.read_bytes()
    return [data[n : n + DIGITS] for n in range(0, len(data), DIGITS)]
