"""The `average` policy: the mean of what all linked models say, in numbers, with weights that the operator sets."""

from typing import Any, Literal

import msgspec

from clipper.selection.configured import NotNegative, configured
from clipper.selection.ensembles.members import Ensemble, EnsembleSettings
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import scored


class AverageSettings(EnsembleSettings, frozen=True, kw_only=True):
    """Settings of `average`.

    Attributes:
        weights: of the models named, any numbers in proportion; those not named have 1.
    """

    outputs: Literal["labels", "scores"] = "scores"
    weights: dict[str, NotNegative] = msgspec.field(default_factory=dict)


class Average(Ensemble):
    """An ensemble whose weights stay as they are."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.settings = configured(AverageSettings, config)
        self._weights = self.settings.weights

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """As set; equal ones if all that are linked are set to nothing."""
        weights = [self._weights.get(model, 1.0) for model in models]
        total = sum(weights)
        return [weight / total for weight in weights] if total > 0.0 else [1.0 / len(models)] * len(models)

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts how good each member was, for the operator to see."""
        after = scored(state, selection, rewards(feedback, selection, outputs, self.settings.scale))
        return self.with_means(after, selection, outputs)
