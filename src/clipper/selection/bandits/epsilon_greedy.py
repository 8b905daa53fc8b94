"""The `epsilon_greedy` policy: the model that was best so far, now and then any of them."""

from typing import Any

from clipper.selection.bandits.arms import Bandit, BanditSettings, best
from clipper.selection.configured import NotNegative, Share, configured
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import accuracy, diluted, scored


class EpsilonGreedySettings(BanditSettings, frozen=True, kw_only=True):
    """Settings of `epsilon_greedy`.

    Attributes:
        epsilon: the share of queries that explore.
        evidence: how many feedbacks what all contexts have taught is worth to a new one.
    """

    epsilon: Share = 0.1
    evidence: NotNegative = 10.0


class EpsilonGreedy(Bandit):
    """Explores at a constant rate, so it notices changes, but never stops paying for it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(EpsilonGreedySettings, config)

    def start(self, population: State) -> State:
        """The population's accuracies, as if seen a few times."""
        return diluted(population, self._settings.evidence)

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """`epsilon` for all alike, the rest for the best."""
        epsilon = self._settings.epsilon
        greedy = best([accuracy(state, model) for model in models])
        return [(1.0 - epsilon) * share + epsilon / len(models) for share in greedy]

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts what the model earned."""
        return scored(state, selection, rewards(feedback, selection, outputs, self._settings.scale))
