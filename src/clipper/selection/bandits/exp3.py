"""The `exp3` policy (paper §5.1; Auer et al. 2002): exponential weights on what each chosen model lost.

A loss is divided by the probability with which the model was chosen, so that it is right on average for all of them,
whatever the rewards do: nothing is assumed about them. With `eta` of sqrt(2 ln K / (T K)) the expected regret against
the best of K models after T feedbacks is at most sqrt(2 T K ln K).
"""

from typing import Any

from clipper.selection.bandits.arms import Bandit, BanditSettings
from clipper.selection.configured import Positive, Share, configured
from clipper.selection.exponential import levelled, shifted, weights_of
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import no_scores, scored


class Exp3Settings(BanditSettings, frozen=True, kw_only=True):
    """Settings of `exp3`.

    Attributes:
        eta: how fast it learns.
        explore: the share of queries for which any model may be chosen.
    """

    eta: Positive = 0.05
    explore: Share = 0.0


class Exp3(Bandit):
    """The paper's single-model policy."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(Exp3Settings, config)

    def init(self, models: tuple[str, ...]) -> State:
        """Equal weights."""
        return {**no_scores(), "logs": dict.fromkeys(models, 0.0)}

    def start(self, population: State) -> State:
        """The population's weights, nearer to each other."""
        return {**no_scores(), "logs": levelled(population["logs"])}

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The weights, mixed with chance."""
        explore = self._settings.explore
        return [(1.0 - explore) * w + explore / len(models) for w in weights_of(state["logs"], models)]

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Lowers the weight of what lost, by as much more as it was unlikely to be chosen."""
        earned = rewards(feedback, selection, outputs, self._settings.scale)
        changes = {
            model: -self._settings.eta * (1.0 - reward) / propensity
            for model, propensity, reward in zip(selection.models, selection.propensities, earned, strict=True)
            if reward is not None
        }
        return {**scored(state, selection, earned), "logs": shifted(state["logs"], changes)}
