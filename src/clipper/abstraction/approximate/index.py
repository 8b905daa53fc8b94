"""The nearest of the inputs that were kept: random projections find the candidates, true distances decide."""

from math import inf
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

Numbers: TypeAlias = NDArray[np.float64] | Floats | NDArray[np.int32] | NDArray[np.uint8]

SKETCH_SIZE = 32
"""Projections of one input: a distance between two sketches is within an eighth of the true one, two times in three."""

CANDIDATES = 8
"""So many, by their sketches, are measured in full and have a say."""

ENTRY_OVERHEAD_BYTES = 400
"""An output's object, places in lists and arrays; outputs have at most MAX_OUTPUT_BYTES."""

MAX_OUTPUT_BYTES = 256
"""A longer one is no label: two inputs hardly ever have the same."""

MAX_ENTRIES = 4096
"""All sketches are compared at each lookup, which takes 30 µs for so many."""


class Described(NamedTuple):
    """An input as the index compares it."""

    vector: Floats
    sketch: Floats


class Nearest(NamedTuple):
    """What is known of an input's neighbourhood.

    Attributes:
        place: of the nearest one.
        distance: to the nearest one; inf if there is none.
        rival: the distance to the nearest candidate with another output than the nearest has; inf if all agree.
        output: of the nearest one.
    """

    place: int
    distance: float
    rival: float
    output: bytes


NOTHING_NEAR = Nearest(-1, inf, inf, b"")


class NearestIndex:
    """A bounded store of inputs of one size, with their outputs.

    Sketches are products with Gaussian vectors, which keep Euclidean distances (the p-stable family of
    locality-sensitive hashes). They are compared as they are and not cut into buckets: for a store this small, one
    matrix product over all of them costs less than probing a dozen hash tables, and misses less.
    """

    def __init__(self, size: int, max_bytes: int, rng: np.random.Generator) -> None:
        per_entry = 4 * (size + SKETCH_SIZE) + ENTRY_OVERHEAD_BYTES + MAX_OUTPUT_BYTES
        self._capacity = max(1, min(MAX_ENTRIES, max_bytes // per_entry))
        self._planes = rng.standard_normal((SKETCH_SIZE, size), dtype=np.float32)
        self._origin: NDArray[np.float64] | None = None
        self._vectors = np.empty((self._capacity, size), np.float32)  # pages come with their first use
        self._sketches = np.empty((SKETCH_SIZE, self._capacity), np.float32)
        self._half_squares = np.empty(self._capacity, np.float32)
        self._made = np.empty(self._capacity, np.float64)
        self._outputs: list[bytes] = []
        self._used = bytearray(self._capacity)
        self._hand = 0

    def __len__(self) -> int:
        return len(self._outputs)

    def describe(self, values: Numbers) -> Described | None:
        """`values` has `size` numbers; None if they are not finite or too large to be compared."""
        if self._origin is None:
            self._origin = values.astype(np.float64)  # small differences of large numbers would be lost in float32
        with np.errstate(all="ignore"):
            vector: Floats = (values - self._origin).astype(np.float32)
            sketch: Floats = self._planes @ vector
            finite = bool(np.isfinite(sketch @ sketch))
        return Described(vector, sketch) if finite else None

    def nearest(self, described: Described, oldest: float) -> Nearest:
        """The nearest that was made at `oldest` or later; if one is found that is older, all such are forgotten."""
        count = len(self._outputs)
        if not count:
            return NOTHING_NEAR
        far = self._half_squares[:count] - described.sketch @ self._sketches[:, :count]
        places = far.argpartition(CANDIDATES)[:CANDIDATES] if count > CANDIDATES else np.arange(count)
        differences = self._vectors[places] - described.vector
        distances = np.sqrt(np.einsum("ij,ij->i", differences, differences))
        found = NOTHING_NEAR
        for which in distances.argsort().tolist():
            place = int(places[which])
            distance = float(distances[which])
            if self._half_squares[place] == inf:
                continue
            if self._made[place] < oldest:
                self._half_squares[:count][self._made[:count] < oldest] = inf
                continue
            if found.place < 0:
                found = Nearest(place, distance, inf, self._outputs[place])
            elif self._outputs[place] != found.output:
                return found._replace(rival=distance)
        return found

    def use(self, place: int) -> None:
        """Spare this one when the hand comes by next."""
        self._used[place] = 1

    def add(self, described: Described, output: bytes, made: float) -> None:
        """Keep it, where there is room or where the hand finds one that was not used."""
        if len(output) > MAX_OUTPUT_BYTES:
            return
        place = len(self._outputs)
        if place < self._capacity:
            self._outputs.append(output)
        else:
            place = self._advance()
            self._outputs[place] = output
        self._vectors[place] = described.vector
        self._sketches[:, place] = described.sketch
        self._half_squares[place] = described.sketch @ described.sketch / 2
        self._made[place] = made

    def _advance(self) -> int:
        hand = self._hand
        while self._used[hand]:
            self._used[hand] = 0
            hand = (hand + 1) % self._capacity
        self._hand = (hand + 1) % self._capacity
        return hand
