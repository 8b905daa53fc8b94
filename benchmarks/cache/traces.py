"""Streams of queries that a cache may meet, by the numbers of their keys; the same for the same seed."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Trace: TypeAlias = NDArray[np.int64]

BLOCK = 20_000
"""Requests between two scans."""


def zipf(requests: int, keys: int, rng: np.random.Generator, exponent: float = 1.0) -> Trace:
    """Ranks drawn with probability ∝ 1 / rank^exponent."""
    weights = np.cumsum(1.0 / np.arange(1, keys + 1) ** exponent)
    ranks: Trace = np.searchsorted(weights, rng.random(requests) * weights[-1]).astype(np.int64)
    return ranks


def traces(requests: int, keys: int, seed: int = 7) -> Iterator[tuple[str, Trace]]:
    rng = np.random.default_rng(seed)
    plain = zipf(requests, keys, rng)
    yield "Zipf(1.0)", plain
    yield "and scans of half as many between", _with_scans(plain, keys)
    seldom = rng.random(requests) < 0.3
    once = plain.copy()
    once[seldom] = keys + np.arange(seldom.sum())
    yield "and 30 % seen once", once
    for speed in (1, 3, 7):
        yield f"popularity drifts by {speed} ranks in 100", (plain + np.arange(requests) // 100 * speed) % keys


def _with_scans(plain: Trace, keys: int) -> Trace:
    parts: list[Trace] = []
    first = keys
    for start in range(0, len(plain), BLOCK):
        parts += [plain[start : start + BLOCK], np.arange(first, first + BLOCK // 2)]
        first += BLOCK // 2
    return np.concatenate(parts)
