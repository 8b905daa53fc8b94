"""The `linucb` policy (Li et al. 2010): which model is best for an input like this one, as far as the evidence allows.

Each model has a linear regression from features of the input to what it earns; the one that could earn most is asked.
"""

from math import sqrt
from random import Random
from typing import Annotated, Any

import msgspec
import numpy as np

from clipper.selection.bandits.arms import BanditSettings, best, drawn
from clipper.selection.configured import NotNegative, Positive, configured
from clipper.selection.personal.features import features_of
from clipper.selection.personal.ridge import Belief, Vector, mean_of, predicted, prior, size_of, updated, variance
from clipper.selection.policy import Answer, Feedback, Outputs, Policy, Query, Selection, State
from clipper.selection.rewards import rewards

START = 0.5
"""What a model is expected to earn for any input before there is feedback."""


class LinUcbSettings(BanditSettings, frozen=True, kw_only=True):
    """Settings of `linucb`.

    Attributes:
        alpha: how many standard deviations of optimism.
        features: numbers that an input is folded into; a state has (features + 1)² doubles for each model.
        precision: how many feedbacks the first belief is worth.
    """

    alpha: NotNegative = 0.5
    features: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    precision: Positive = 1.0


class LinUcb(Policy):
    """A bandit that looks at the input."""

    verbatim = True

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(LinUcbSettings, config)
        size = self._settings.features + 1
        self._unknown = prior(_constant(size), self._settings.precision)

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return {"beliefs": {}}

    def start(self, population: State) -> State:
        """The population's regressions, as uncertain as at the beginning."""
        precision = self._settings.precision
        return {"beliefs": {m: prior(mean_of(belief), precision) for m, belief in population["beliefs"].items()}}

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """The one with the highest bound for this input."""
        features = self._features(x)
        return drawn(models, best([self._bound(self._belief(state, model), features) for model in models]), rng)

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """What that model said; confidence is what it is expected to earn for this input."""
        for model, output in zip(selection.models, outputs, strict=True):
            if output is not None:
                expected = predicted(self._belief(state, model), self._features(x))
                weights = tuple([float(each == model) for each in selection.models])
                return Answer(output, min(1.0, max(0.0, expected)), weights)
        return None

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """One more observation for each model that was judged."""
        beliefs = {**state["beliefs"]}
        features = self._features(x)
        earned = rewards(feedback, selection, outputs, self._settings.scale)
        for model, reward in zip(selection.models, earned, strict=True):
            if reward is not None:
                beliefs[model] = updated(self._belief(state, model), features, reward)
        return {"beliefs": beliefs}

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """What each is expected to earn for no input in particular, as shares."""
        constant = _constant(self._settings.features + 1) / START
        expected = [max(1e-3, predicted(self._belief(state, model), constant)) for model in models]
        return {model: each / sum(expected) for model, each in zip(models, expected, strict=True)}

    def _features(self, x: Query) -> Vector:
        return features_of(x.input, self._settings.features)

    def _belief(self, state: State, model: str) -> Belief:
        """A model's own belief; one of other settings is not understood any longer."""
        kept: Belief = state["beliefs"].get(model, self._unknown)
        return kept if size_of(kept) == size_of(self._unknown) else self._unknown

    def _bound(self, belief: Belief, features: Vector) -> float:
        return predicted(belief, features) + self._settings.alpha * sqrt(variance(belief, features))


def _constant(size: int) -> Vector:
    """Weights with which every input is expected to earn about `START`."""
    weights = np.zeros(size)
    weights[-1] = START * sqrt(2.0)  # the constant feature of an input that is not empty is 1/sqrt(2)
    return weights
