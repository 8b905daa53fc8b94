"""What of a network's outputs is the answer: the class it scores highest, the scores, or all of it as it is.

For models that know arrays only. Frameworks that know classes themselves (scikit-learn, CatBoost) answer in
their own words.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipper.container.bundle import ClassLabel
from clipper.core.errors import invalid


def answers(output: str, classes: Sequence[ClassLabel]) -> Callable[[Any], Any]:
    """A function from the outputs of a batch to one answer for each input.

    It takes one array [n, ...], or a mapping or tuple of several.

    Args:
        output: the manifest's: "labels", "scores" or "raw".
        classes: what the scores are of; empty: their numbers.
    """
    if output == "raw":
        return _everything
    if output == "scores":
        return _only_output
    names = _as_array(classes)

    def labels(outputs: Any) -> Any:
        return _labels(_only_output(outputs), names)

    return labels


def _labels(scores: Any, names: NDArray[Any] | None) -> Any:
    """For each row of scores the class of the highest; what is no row of scores is a prediction already."""
    if not isinstance(scores, np.ndarray) or scores.ndim != 2:
        return scores
    if scores.shape[1] == 1:
        return scores[:, 0]  # a regression, or the label itself
    if scores.dtype.kind not in "fV":  # V: ml_dtypes' bfloat16
        return scores
    if names is not None and len(names) != scores.shape[1]:
        raise invalid(f"Invalid classes: the model scores {scores.shape[1]} classes and {len(names)} are named")
    best = scores.argmax(axis=1)
    return best if names is None else names[best]


def _as_array(classes: Sequence[ClassLabel]) -> NDArray[Any] | None:
    if not classes:
        return None
    names = np.empty(len(classes), object)  # NumPy would make texts of the numbers among texts
    names[:] = classes
    return names


def _only_output(outputs: Any) -> Any:
    if isinstance(outputs, Mapping | tuple):
        if len(outputs) != 1:
            named = ", ".join(map(str, outputs)) if isinstance(outputs, Mapping) else f"{len(outputs)} of them"
            raise invalid(
                f"The model has several outputs ({named}): ask for output 'raw', or give a function of (model, inputs)"
            )
        (outputs,) = outputs.values() if isinstance(outputs, Mapping) else outputs
    return outputs


def _everything(outputs: Any) -> Any:
    """Several outputs become, for each input, an object or a list of what each says of it."""
    if isinstance(outputs, Mapping) and len(outputs) > 1:
        rows = zip(*(_rows(each) for each in outputs.values()), strict=True)
        return [dict(zip(outputs, row, strict=True)) for row in rows]
    if isinstance(outputs, tuple) and len(outputs) > 1:
        return [list(row) for row in zip(*map(_rows, outputs), strict=True)]
    return _only_output(outputs)


def _rows(output: Any) -> list[Any]:
    rows: list[Any] = np.asarray(output).tolist()
    return rows
