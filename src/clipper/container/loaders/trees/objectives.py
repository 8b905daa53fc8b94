"""From the numbers of boosted trees to labels and scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clipper.container.bundle import ClassLabel


def labels_of(scores: Any, classes: Sequence[ClassLabel], threshold: float) -> Any:
    """The class of the highest of several scores, or for a single one whether it is above `threshold`."""
    best = scores.argmax(axis=1) if scores.ndim == 2 else (scores > threshold).astype(np.int64)
    if not classes:
        return best
    names = np.empty(len(classes), object)
    names[:] = classes
    return names[best]


def both_scores(probabilities: Any) -> Any:
    """Of both classes, where a model says only how probable the second is."""
    return probabilities if probabilities.ndim == 2 else np.stack([1 - probabilities, probabilities], axis=1)
