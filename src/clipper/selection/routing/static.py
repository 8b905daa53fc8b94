"""The `static` policy: the first linked model answers."""

from functools import lru_cache
from random import Random

from clipper.selection.policy import Answer, Feedback, Outputs, Policy, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import no_scores, scored


class Static(Policy):
    """One model, chosen by the operator."""

    verbatim = True

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return no_scores()

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """The first one, always."""
        return only(models[0])

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """What that model said."""
        output = outputs[0]
        return None if output is None else Answer(output, 1.0, (1.0, *(0.0 for _ in outputs[1:])))

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts how often it was right, for the operator to see."""
        return scored(state, selection, rewards(feedback, selection, outputs))

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """All for the first."""
        return {model: float(model == models[0]) for model in models}


@lru_cache(maxsize=1024)
def only(model: str) -> Selection:
    """One model, certainly."""
    return Selection((model,), (1.0,))
