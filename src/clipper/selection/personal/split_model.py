"""The `split_model` policy (Velox): the answer is a linear model of its own for each context, over what models compute.

Shared and slow: features of the input, which the linked models answer with (a list of numbers each, or one). Personal
and quick: the weights, a Bayesian ridge regression that each label updates in O(d²). A new context starts with the
weights of all others. What a missing model would have said is taken from what it says on average.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np

from clipper.core.errors import invalid
from clipper.selection.configured import NotNegative, Positive, configured
from clipper.selection.ensembles.means import Expectations, Score, learned_scores, score_of
from clipper.selection.ensembles.members import everybody
from clipper.selection.personal import ridge
from clipper.selection.personal.ridge import Vector
from clipper.selection.policy import Answer, Feedback, Item, Outputs, Policy, Query, Ranked, Selection, State
from clipper.selection.rewards import is_number

MAX_FEATURES = 512
"""Of all models together, with the constant: a state has as many doubles squared, 2 MB. Who says more is ignored."""


class SplitModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of `split_model`.

    Attributes:
        precision: how many feedbacks the first belief (a new context's: that it is like all others) is worth.
        explore: for a ranking of items, how many standard deviations the weights are drawn from around their mean.
    """

    precision: Positive = 1.0
    explore: NotNegative = 1.0


class SplitModel(Policy):
    """Personal weights over shared features. Labels are numbers.

    State: `layout`, the models whose features stand after the constant one, with how many; `belief`, the regression;
    `means`, what each model says on average.
    """

    is_ensemble = True
    ranks_items = True

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(SplitModelSettings, config)

    def init(self, models: tuple[str, ...]) -> State:
        """How many features there are is not known before the first answers."""
        return {"layout": [], "belief": ridge.prior(np.zeros(1), self._settings.precision), "means": {}}

    def start(self, population: State) -> State:
        """The population's mean weights, as uncertain as at the beginning."""
        mean = ridge.mean_of(population["belief"])
        return {**population, "belief": ridge.prior(mean, self._settings.precision)}

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """All of them."""
        return everybody(models)

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """The weighted sum. Confidence: the share of the first uncertainty that feedback has removed here."""
        arrived = [output for output in outputs if output is not None]
        if not arrived:
            return None
        said = _scores(selection, outputs)
        fitting = self._fitting(state, _sizes(said))
        if not any(model in selection.models for model, _ in fitting["layout"]):
            return Answer(arrived[0], 0.0)  # there are no numbers to weigh
        features = _features(fitting, said)
        before = float(features @ features) / self._settings.precision
        confidence = 1.0 - ridge.variance(fitting["belief"], features) / before
        output = msgspec.json.encode(ridge.predicted(fitting["belief"], features))
        return Answer(output, min(1.0, max(0.0, confidence)), _contributions(fitting, selection, features))

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """One more observation. Raises INVALID_ARGUMENT if the label is not a number; a reward says nothing here."""
        if feedback.label is None:
            return state
        label = msgspec.json.decode(feedback.label)
        if not is_number(label):
            raise invalid("Invalid label: the policy split_model learns from numbers")
        said = _scores(selection, outputs)
        fitting = self._fitting(state, _sizes(said))
        means = learned_scores(fitting["means"], said)
        features = _features({**fitting, "means": means}, said)
        return {**fitting, "means": means, "belief": ridge.updated(fitting["belief"], features, float(label))}

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """The size of each model's weights, as shares."""
        sizes, place = dict.fromkeys(models, 0.0), 1
        mean = ridge.mean_of(state["belief"])
        for model, size in state["layout"]:
            if model in sizes:
                sizes[model] = float(np.linalg.norm(mean[place : place + size]))
            place += size
        total = sum(sizes.values())
        return {m: size / total for m, size in sizes.items()} if total > 0.0 else super().weights(state, models)

    def rank_items(self, state: State, items: Sequence[Item], rng: Random) -> list[Ranked]:
        """By weights drawn from the belief (Thompson sampling), so that all get their chance.

        Scores are those expected. Items of which nobody has said numbers that fit are left out.
        """
        said = [_scores(item.selection, item.outputs) for item in items]
        state = self._fitting(state, [sizes for each in said for sizes in _sizes(each)])
        known = {(model, size) for model, size in state["layout"]}
        places = [place for place, each in enumerate(said) if not known.isdisjoint(_sizes(each))]
        if not places:
            return []
        features = np.array([_features(state, said[place]) for place in places])
        expected = (features @ ridge.mean_of(state["belief"])).tolist()
        drawn = features @ ridge.drawn(state["belief"], self._settings.explore, rng.getrandbits(64))
        return [Ranked(places[at], expected[at]) for at in np.argsort(-drawn, kind="stable").tolist()]

    def _fitting(self, state: State, sizes: list[tuple[str, int]]) -> State:
        """The state with places for all models that have said numbers, in as many as they said."""
        layout = state["layout"]
        for model, size in sizes:
            if [model, size] not in layout:
                return self._grown(state, [each for each in dict.fromkeys(sizes) if [*each] not in layout])
        return state  # as mostly

    def _grown(self, state: State, new: list[tuple[str, int]]) -> State:
        added, total = [], ridge.size_of(state["belief"])
        for model, size in new:
            if total + size <= MAX_FEATURES:
                added.append([model, size])
                total += size
        if not added:
            return state
        singles = sum([size == 1 for _, size in added])
        first = not state["layout"]  # then single numbers are averaged, until feedback says otherwise
        start = np.concatenate([np.full(size, 1.0 / singles if size == 1 and first else 0.0) for _, size in added])
        belief = ridge.grown(state["belief"], start, self._settings.precision)
        return {**state, "layout": [*state["layout"], *added], "belief": belief}


def _contributions(state: State, selection: Selection, features: Vector) -> tuple[float, ...]:
    """How much of the sum's size is of each selected model, as shares."""
    terms = np.abs(features * ridge.mean_of(state["belief"]))
    sizes, place = dict.fromkeys(selection.models, 0.0), 1
    for model, size in state["layout"]:
        if model in sizes:
            sizes[model] += float(terms[place : place + size].sum())
        place += size
    total = sum(sizes.values())
    return tuple([size / total for size in sizes.values()]) if total > 0.0 else ()


def _scores(selection: Selection, outputs: Outputs) -> dict[str, Score | None]:
    return {model: score_of(output) for model, output in zip(selection.models, outputs, strict=True)}


def _sizes(said: dict[str, Score | None]) -> list[tuple[str, int]]:
    """How many numbers each model has said."""
    return [(model, len(score)) for model, score in said.items() if score is not None]


def _features(state: State, said: dict[str, Score | None]) -> Vector:
    """The constant, then what each model of the layout says, or says on average."""
    means: Expectations = state["means"]
    features = [1.0]
    for model, size in state["layout"]:
        score = said.get(model)
        if score is None:
            score = means[model][1] if model in means else None
        features += score if score is not None and len(score) == size else [0.0] * size
    vector = np.array(features)
    if max(features) <= ridge.LARGEST_FEATURE and min(features) >= -ridge.LARGEST_FEATURE:
        return vector  # as mostly: quicker to see in a list
    return ridge.bounded(vector)
