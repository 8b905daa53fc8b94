"""An input as a short vector, for policies that learn which model suits which input.

Numbers are taken as they are if there are few; many, and the words of texts, are hashed into a fixed number of places
with random signs, which keeps distances (roughly) what they were.
"""

from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

from clipper.core.inputs import NUMPY_NAME, DType, Input
from clipper.selection.personal.ridge import Vector, bounded


def features_of(asked: Input, places: int) -> Vector:
    """`places` numbers and a constant, of length 1 together."""
    raw = bounded(_raw(asked))
    folded = raw if len(raw) <= places else _folded(raw, places)
    vector = np.zeros(places + 1)
    vector[: len(folded)] = folded
    length = float(np.sqrt(vector @ vector))
    if length > 0.0:
        vector /= length
    vector[places] = 1.0
    return vector / float(np.sqrt(vector @ vector))


def _raw(asked: Input) -> Vector:
    """The elements of a number array, how often each byte value occurs in bytes, and each hashed word in a text."""
    if asked.dtype is DType.STRING:
        words = np.array([crc32(word) for word in asked.payload.lower().split()], np.uint64)
        return np.bincount((words % np.uint64(WORDS)).astype(np.int64), minlength=WORDS).astype(np.float64)
    if asked.dtype is DType.BYTES:
        return np.bincount(np.frombuffer(asked.payload, np.uint8), minlength=256).astype(np.float64)
    return np.frombuffer(asked.payload, NUMPY_NAME[asked.dtype]).astype(np.float64)


WORDS = 4096
"""Places for the words of a text before they are folded."""


def _folded(raw: Vector, places: int) -> Vector:
    where, signs = _folding(len(raw), places)
    folded = np.zeros(places)
    np.add.at(folded, where, raw * signs)
    return folded


@lru_cache(maxsize=64)
def _folding(size: int, places: int) -> tuple[npt.NDArray[np.int64], Vector]:
    """Where each of `size` elements goes, and with which sign: random once and for all."""
    chance = np.random.default_rng((size, places))
    return chance.integers(0, places, size), np.where(chance.integers(0, 2, size) == 1, 1.0, -1.0)
