"""How often each model was right: the part of a state that policies without weights of their own keep."""

from collections.abc import Sequence

from clipper.selection.policy import Selection, State


def no_scores() -> State:
    """Before any feedback."""
    return {"right": {}, "seen": {}}


def accuracy(state: State, model: str) -> float:
    """The posterior mean of a model's accuracy under a uniform prior: 0.5 before any feedback."""
    return float((state["right"].get(model, 0) + 1) / (state["seen"].get(model, 0) + 2))


def scored(state: State, selection: Selection, earned: Sequence[float | None]) -> State:
    """The scores after one more feedback."""
    right, seen = dict(state["right"]), dict(state["seen"])
    for model, reward in zip(selection.models, earned, strict=True):
        if reward is not None:
            seen[model] = seen.get(model, 0) + 1
            right[model] = right.get(model, 0) + reward
    return {**state, "right": right, "seen": seen}


def diluted(state: State, evidence: float) -> State:
    """The same accuracies as if they had been seen `evidence` times at most: what a new context starts from."""
    right, seen = {}, {}
    for model, count in state["seen"].items():
        kept = min(1.0, evidence / count) if count else 0.0
        right[model] = state["right"].get(model, 0) * kept
        seen[model] = count * kept
    return {**state, "right": right, "seen": seen}
