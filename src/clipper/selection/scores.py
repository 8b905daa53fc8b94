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


def tally(state: State, model: str) -> tuple[float, float] | None:
    """What a model has earned and in how many feedbacks, of a state of whatever policy; None if that does not count it.

    Of `tracking` it is what that remembers, of `cascade` the sum over all that the model says.
    """
    own = state.get("policy", state)  # of a calibrated one
    if "seen" in own:
        return float(own["right"].get(model, 0)), float(own["seen"].get(model, 0))
    if "tracks" in own:
        track = own["tracks"].get(model, (0.0, 0.0))
        return float(track[0]), float(track[1])
    if "tallies" in own:
        kinds = own["tallies"].get(model, {}).values()
        return sum([float(right) for right, _ in kinds]), sum([float(seen) for _, seen in kinds])
    return None
