"""The `ucb1` policy (Auer et al. 2002): the model that could be best, as far as the evidence allows."""

from math import inf, log, sqrt
from typing import Any

from clipper.selection.bandits.arms import Bandit, BanditSettings, best
from clipper.selection.configured import NotNegative, Positive, configured
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import diluted, scored


class Ucb1Settings(BanditSettings, frozen=True, kw_only=True):
    """Settings of `ucb1`.

    Attributes:
        width: of the confidence bounds; 1 is what the proof wants, less explores less.
        evidence: how many feedbacks what all contexts have taught is worth to a new one.
    """

    width: Positive = 1.0
    evidence: NotNegative = 10.0


class Ucb1(Bandit):
    """Optimistic: each model at the upper end of what its rewards allow. Those never tried come first."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(Ucb1Settings, config)

    def start(self, population: State) -> State:
        """The population's accuracies, as if seen a few times."""
        return diluted(population, self._settings.evidence)

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """All of it for the highest bound; those that tie share it."""
        counts = [state["seen"].get(model, 0) for model in models]
        spread = 2.0 * log(max(1.0, sum(counts)))
        bounds = [
            state["right"][model] / count + self._settings.width * sqrt(spread / count) if count else inf
            for model, count in zip(models, counts, strict=True)
        ]
        return best(bounds)

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts what the model earned."""
        return scored(state, selection, rewards(feedback, selection, outputs, self._settings.scale))
