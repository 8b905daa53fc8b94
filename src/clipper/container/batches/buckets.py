"""Batches padded to a few sizes, for frameworks that compile anew for each size they see.

The last input of a batch is repeated up to the next size; what it answers for the repetitions is dropped. Batches above
the largest size are cut.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def bucketed(predict_batch: Callable[[Any], Any], sizes: Sequence[int]) -> Callable[[Any], Any]:
    """`predict_batch`, called with batches of `sizes` only, which grow.

    Its answers must be an array or a sequence of one output for each input.
    """

    def predict(inputs: Any) -> Any:
        if len(inputs) <= sizes[-1]:
            return _predict_padded(predict_batch, sizes, inputs)
        parts = [
            _predict_padded(predict_batch, sizes, inputs[start : start + sizes[-1]])
            for start in range(0, len(inputs), sizes[-1])
        ]
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.concatenate(parts)
        return [output for part in parts for output in part]

    return predict


def _predict_padded(predict_batch: Callable[[Any], Any], sizes: Sequence[int], inputs: Any) -> Any:
    count = len(inputs)
    missing = sizes[bisect_left(sizes, count)] - count
    if not missing:
        return predict_batch(inputs)
    padded: Any
    if isinstance(inputs, np.ndarray):
        padded = np.concatenate([inputs, np.repeat(inputs[-1:], missing, axis=0)])
    else:
        padded = [*inputs, *[inputs[-1]] * missing]
    outputs = predict_batch(padded)
    if len(outputs) != len(padded):
        return outputs  # what the answer should have been is said by whoever counts it
    return outputs[:count]
