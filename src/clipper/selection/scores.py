"""How often each model was right: the part of a state that every policy so far keeps."""

from collections.abc import Sequence

import msgspec

from clipper.selection.policy import Selection, State


def no_scores() -> State:
    """Before any feedback."""
    return {"right": {}, "seen": {}}


def accuracy(state: State, model: str) -> float:
    """The posterior mean of a model's accuracy under a uniform prior: 0.5 before any feedback."""
    return float((state["right"].get(model, 0) + 1) / (state["seen"].get(model, 0) + 2))


def scored(state: State, label: bytes, selection: Selection, outputs: Sequence[bytes | None]) -> State:
    """The scores after one more label."""
    right, seen = dict(state["right"]), dict(state["seen"])
    for model, output in zip(selection.models, outputs, strict=True):
        if output is not None:
            seen[model] = seen.get(model, 0) + 1
            right[model] = right.get(model, 0) + int(same_value(output, label))
    return {**state, "right": right, "seen": seen}


def same_value(output: bytes, label: bytes) -> bool:
    """Whether two JSON texts spell one value: `1` and `1.0` do."""
    return output == label or bool(msgspec.json.decode(output) == msgspec.json.decode(label))
