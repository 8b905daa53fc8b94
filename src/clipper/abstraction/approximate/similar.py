"""The approximate cache of one model version: an answer from the nearest input, where that is near enough."""

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import numpy as np

from clipper.abstraction.approximate.effort import Effort
from clipper.abstraction.approximate.index import Described, Nearest, NearestIndex, Numbers
from clipper.abstraction.approximate.steering import Steering
from clipper.core.inputs import NUMPY_NAME, DType, Input

MAX_NUMBERS = 4096
"""Of one input: with more, a lookup would hold up everybody for longer than a tenth of a millisecond."""

LOOKUP_S = 200e-6
LOOKUP_S_PER_NUMBER = 200e-9
"""What a lookup and learning from it take between other work, when the processor's caches hold something else: 360 µs
for 784 numbers. One after the other they take a third of that."""

Shape: TypeAlias = tuple[DType, tuple[int, ...]]

_NUMPY_TYPE = {dtype: np.dtype(name) for dtype, name in NUMPY_NAME.items()}


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was found for one input.

    Attributes:
        described: the input, as the index compares it.
        nearest: its neighbourhood.
        is_hit: whether that answers it.
        is_sample: whether the model is to be asked (too), to learn from what it says.
    """

    described: Described
    nearest: Nearest
    is_hit: bool
    is_sample: bool


class ApproximateCache:
    """Finds answers, and learns from those of the model how near an input has to be.

    Attributes:
        max_disagreement: the share of answers that may be other than the model's.
        hits: inputs that were answered so.
    """

    def __init__(self, max_bytes: int, max_disagreement: float, seed: int) -> None:
        """`max_disagreement` is above 0."""
        self.max_disagreement = max_disagreement
        self.hits = 0
        self.steering = Steering(max_disagreement, Random(seed))  # noqa: S311 - samples, guards nothing
        self.effort = Effort()
        self._max_bytes = max_bytes
        self._rng = np.random.default_rng(seed)
        self._shape: Shape | None = None
        self._index: NearestIndex | None = None

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    def look_up(self, asked: Input, oldest: float) -> Lookup | None:
        """What is known of inputs like it since `oldest`; None if it cannot be compared."""
        index = self._index_of(asked)
        described = None if index is None else index.describe(_numbers(asked))
        if index is None or described is None:
            self.effort.note(hit=False)
            return None
        nearest = index.nearest(described, oldest)
        steering = self.steering
        is_hit = steering.accepts(nearest.distance, nearest.rival)
        self.effort.note(is_hit)
        if is_hit:
            self.hits += 1
            index.use(nearest.place)
        return Lookup(described, nearest, is_hit, steering.wants_sample())

    def learn(self, lookup: Lookup, output: bytes, now: float) -> None:
        """The model's own output for an input that was looked up."""
        nearest = lookup.nearest
        disagrees = output != nearest.output
        if lookup.is_sample and nearest.place >= 0:
            self.steering.observe(nearest.distance, nearest.rival, disagrees)
        if self._index is not None and (disagrees or not lookup.is_hit):
            self._index.add(lookup.described, output, now)

    def _index_of(self, asked: Input) -> NearestIndex | None:
        """The index for inputs of this shape: that of the first one that was looked up."""
        shape = (asked.dtype, asked.shape)
        if self._shape is None and asked.dtype in _NUMPY_TYPE:
            size = len(asked.payload) // asked.dtype.item_size
            if 0 < size <= MAX_NUMBERS:
                self._shape = shape
                self._index = NearestIndex(size, self._max_bytes, self._rng)
                self.effort.cost_s = LOOKUP_S + size * LOOKUP_S_PER_NUMBER
        return self._index if shape == self._shape else None


def _numbers(asked: Input) -> Numbers:
    numbers: Numbers = np.frombuffer(asked.payload, _NUMPY_TYPE[asked.dtype])
    return numbers
