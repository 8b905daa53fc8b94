"""The shape that a model wants its inputs in: who does not fit is told so, the others are brought into it.

A list of 784 numbers fits a model of 1 x 28 x 28 as well as a nested one: elements count, unless a dimension is open
(-1), as in speech, where each input has as many frames as it has.
"""

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from clipper.container.batches.inputs import ModelInputs
from clipper.wire.batches import InputBatch, ItemFailure

OPEN = -1


class InputShape:
    """The dimensions of one input, `OPEN` where any length will do."""

    def __init__(self, dimensions: tuple[int, ...]) -> None:
        self._dimensions = dimensions
        self._is_open = OPEN in dimensions
        self._count = prod(dimensions)

    def __str__(self) -> str:
        return _written(self._dimensions)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an input of that shape is, or can be brought into, this one."""
        if not self._is_open:
            return prod(shape) == self._count
        return len(shape) == len(self._dimensions) and all(
            want in (OPEN, have) for want, have in zip(self._dimensions, shape, strict=True)
        )

    def refusal(self, shape: tuple[int, ...]) -> str:
        """What is said to an input that does not fit."""
        return f"The input has the shape {_written(shape)}, and the model takes {self}"

    def misfits(self, batch: InputBatch) -> dict[int, ItemFailure]:
        """The inputs of a batch that do not fit, by their place in it."""
        if len(batch.shapes) == 1:
            shape = tuple(batch.shapes[0])
            return {} if self.fits(shape) else dict.fromkeys(range(batch.size), ItemFailure(self.refusal(shape)))
        return {
            place: ItemFailure(self.refusal(tuple(shape)))
            for place, shape in enumerate(batch.shapes)
            if not self.fits(tuple(shape))
        }

    def shaped(self, inputs: ModelInputs) -> Any:
        """Inputs that all fit, in this shape: one array, unless a dimension is open and they differ in it."""
        if self._is_open:
            return inputs
        if isinstance(inputs, np.ndarray):
            return inputs.reshape(len(inputs), *self._dimensions)
        return np.stack([np.asarray(each).reshape(self._dimensions) for each in inputs])


def _written(dimensions: Iterable[int]) -> str:
    return "×".join("any" if each == OPEN else str(each) for each in dimensions)
