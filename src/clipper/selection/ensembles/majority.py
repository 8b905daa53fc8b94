"""The `majority` policy: every linked model is asked and the most frequent output wins.

The default of applications: it needs no feedback. A tie goes to the side whose best member has been right more often.
"""

from typing import Any

from clipper.selection.configured import configured
from clipper.selection.ensembles.members import Ensemble, EnsembleSettings
from clipper.selection.policy import Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import accuracy, scored


class Majority(Ensemble):
    """An ensemble with equal votes."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.settings = configured(EnsembleSettings, config)

    def standing(self, state: State, model: str) -> float:
        """How often it was right."""
        return accuracy(state, model)

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts how often each member was right."""
        after = scored(state, selection, rewards(feedback, selection, outputs, self.settings.scale))
        return self.with_means(after, selection, outputs)
