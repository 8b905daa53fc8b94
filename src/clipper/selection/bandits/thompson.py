"""The `thompson` policy: each model as often as it is believed to be the best."""

from typing import Any

from clipper.selection.bandits.arms import Bandit, BanditSettings
from clipper.selection.bandits.beliefs import chances
from clipper.selection.configured import NotNegative, configured
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import diluted, scored


class ThompsonSettings(BanditSettings, frozen=True, kw_only=True):
    """Settings of `thompson`.

    Attributes:
        evidence: how many feedbacks what all contexts have taught is worth to a new one.
    """

    evidence: NotNegative = 10.0


class Thompson(Bandit):
    """Beta posteriors of what each model earns. It draws from the exact probabilities of being best, so that these are
    its propensities."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(ThompsonSettings, config)

    def start(self, population: State) -> State:
        """The population's accuracies, as if seen a few times."""
        return diluted(population, self._settings.evidence)

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The probability of each to be the best, under its posterior."""
        right, seen = state["right"], state["seen"]
        return chances(tuple([(right.get(m, 0), seen.get(m, 0) - right.get(m, 0)) for m in models]))

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts what the model earned."""
        return scored(state, selection, rewards(feedback, selection, outputs, self._settings.scale))
