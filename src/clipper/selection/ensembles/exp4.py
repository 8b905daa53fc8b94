"""The `exp4` policy (paper §5.2; Auer et al. 2002): the answer is drawn from the members' weighted votes.

Only what was answered is judged, so a reward is all it needs: the loss is divided by the probability of the answer, and
charged to the members that said it. With `eta` of sqrt(2 ln M / (T N)) the expected regret against the best of M
members after T feedbacks on N possible labels is at most sqrt(2 T N ln M). With labels, `hedge` learns faster.
"""

from random import Random
from typing import Any

from clipper.selection.configured import Positive, configured
from clipper.selection.ensembles.members import Ensemble, EnsembleSettings
from clipper.selection.ensembles.votes import agreed, elected, shares_of_outputs
from clipper.selection.exponential import levelled, shifted, weights_of
from clipper.selection.policy import Answer, Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards, same_value, value_of
from clipper.selection.scores import no_scores, scored


class Exp4Settings(EnsembleSettings, frozen=True, kw_only=True):
    """Settings of `exp4`.

    Attributes:
        eta: how fast it learns.
    """

    eta: Positive = 0.2


class Exp4(Ensemble):
    """The paper's ensemble policy. Scores are averaged instead of drawn, and then all members are judged."""

    def __init__(self, config: dict[str, Any]) -> None:
        settings = configured(Exp4Settings, config)
        self.settings = settings
        self._eta = settings.eta

    def init(self, models: tuple[str, ...]) -> State:
        """Equal weights."""
        return {**no_scores(), "logs": dict.fromkeys(models, 0.0)}

    def start(self, population: State) -> State:
        """The population's weights, nearer to each other."""
        return {**population, **no_scores(), "logs": levelled(population["logs"])}

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The learned weights."""
        return weights_of(state["logs"], models)

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """All of them, and the number that draws the answer."""
        return Selection(models, (1.0,) * len(models), rng.random())

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """A label, drawn by the weight behind it."""
        if self.settings.outputs == "scores":
            return super().combine(state, x, selection, outputs)
        shares = self.shares(state, selection.models)
        unanimous = agreed(outputs, shares)
        if unanimous is not None:
            return unanimous
        behind = shares_of_outputs(outputs, shares)
        if not behind:
            return None
        arrived = sum(behind.values())
        left = selection.draw * arrived
        chosen = b""
        for label, weight in behind.items():
            chosen = label
            left -= weight
            if left < 0.0:
                break
        weight = behind[chosen]
        return elected(chosen, weight, outputs, shares, min(1.0, weight / arrived))

    def is_decided(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> bool:
        """Once all are in, since the draw is among all."""
        return None not in outputs

    def quorum(self, state: State, models: tuple[str, ...]) -> int:
        """All."""
        return len(models)

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Charges the members that said what was answered with its loss."""
        earned = rewards(feedback, selection, outputs, self.settings.scale)
        after = self.with_means(scored(state, selection, earned), selection, outputs)
        changes = self._changes(state, x, feedback, selection, outputs)
        return {**after, "logs": shifted(state["logs"], changes)}

    def _changes(
        self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs
    ) -> dict[str, float]:
        if self.settings.outputs == "scores":
            earned = rewards(feedback, selection, outputs, self.settings.scale)
            return {m: -self._eta * (1.0 - r) for m, r in zip(selection.models, earned, strict=True) if r is not None}
        answer = feedback.answer
        if answer is None and (feedback.label is not None or len(outputs) == 1):
            answer = self.combine(state, x, selection, outputs)
        earned_by_answer = None if answer is None else value_of(feedback, answer, self.settings.scale)
        if answer is None or earned_by_answer is None:
            return {}
        change = -self._eta * (1.0 - earned_by_answer) / answer.propensity
        said = zip(selection.models, outputs, strict=True)
        return {model: change for model, output in said if output is not None and same_value(output, answer.output)}
