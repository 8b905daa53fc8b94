"""The `hedge` policy: weights learned from what every member would have earned, never quite forgetting anyone.

All members have answered anyway, so a label judges all of them (full information): exponential weights (Freund and
Schapire 1997) with a fixed share (Herbster and Warmuth 1998), so that who has become good again is heard soon. A member
that did not answer keeps its weight; the others share theirs among themselves.
"""

from math import exp
from typing import Any

from clipper.selection.configured import Positive, Share, configured
from clipper.selection.ensembles.members import Ensemble, EnsembleSettings
from clipper.selection.exponential import START_LOG, levelled, logarithms, weights_of
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import no_scores, scored


class HedgeSettings(EnsembleSettings, frozen=True, kw_only=True):
    """Settings of `hedge`.

    Attributes:
        eta: how fast it learns.
        share: of each member's weight, what is divided among all at each feedback; 0 for a world that never changes.
    """

    eta: Positive = 0.5
    share: Share = 0.001


class Hedge(Ensemble):
    """Members vote with what they have earned. The default among ensembles that learn."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._configure(configured(HedgeSettings, config))

    def _configure(self, settings: HedgeSettings) -> None:
        self.settings = settings
        self._eta = settings.eta
        self._share = settings.share

    def init(self, models: tuple[str, ...]) -> State:
        """Equal weights."""
        return {**no_scores(), "logs": dict.fromkeys(models, 0.0)}

    def start(self, population: State) -> State:
        """The population's weights, nearer to each other."""
        return {**population, **no_scores(), "logs": levelled(population["logs"])}

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The learned weights."""
        return weights_of(state["logs"], models)

    def standing(self, state: State, model: str) -> float:
        """Its weight."""
        return float(state["logs"].get(model, START_LOG))

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Moves weight from the members that lost to those that did not."""
        earned = rewards(feedback, selection, outputs, self.settings.scale)
        judged = {m: reward for m, reward in zip(selection.models, earned, strict=True) if reward is not None}
        judged |= self._judged_besides(state, feedback, selection, outputs)
        after = self.with_means(scored(state, selection, earned), selection, outputs)
        return {**after, "logs": self._moved(state["logs"], judged)} if judged else after

    def _judged_besides(
        self, state: State, feedback: Feedback, selection: Selection, outputs: Outputs
    ) -> dict[str, float]:
        """Who else has a weight, and what it would have earned."""
        return {}

    def _moved(self, logs: dict[str, float], judged: dict[str, float]) -> dict[str, float]:
        everyone = (*logs, *(model for model in judged if model not in logs))
        weights = dict(zip(everyone, weights_of(logs, everyone), strict=True))
        before = sum(weights[model] for model in judged)
        moved = {model: weights[model] * exp(-self._eta * (1.0 - reward)) for model, reward in judged.items()}
        scale = before / sum(moved.values())  # the judged together keep what they had together
        each = self._share * before / len(judged)
        weights.update({model: (1.0 - self._share) * weight * scale + each for model, weight in moved.items()})
        return logarithms(weights)
