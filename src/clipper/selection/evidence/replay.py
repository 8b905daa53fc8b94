"""What a policy would have earned on queries that another one has answered and that were judged.

The policy goes through the queries in order, selects, answers and learns as it would have. Where all that its answer is
made of was said, that answer is judged by the label; how probable that was is known: propensities travel with queries.
From queries whose linked models were all asked it learns as if it had selected itself, so that for the log of an
ensemble this is no estimate but a repetition; else it learns from what was selected and said.
"""

from collections.abc import Sequence
from math import prod
from random import Random
from typing import NamedTuple

from clipper.selection.evidence.judged import Asked, Judged, asked
from clipper.selection.evidence.off_policy import Estimate, Record, doubly_robust, inverse_propensity
from clipper.selection.policy import Answer, Feedback, Outputs, Policy, Selection, State
from clipper.selection.rewards import same_value, worth

SMALLEST_PROPENSITY = 1e-4
"""Whatever was less probable counts as if it had been this: one query must not outweigh thousands."""


class Replay(NamedTuple):
    """What a policy would have earned, by both estimates, and on how many queries it was told directly."""

    robust: Estimate
    weighted: Estimate
    told: int


class _Choice(NamedTuple):
    """What a policy would have done with a query.

    Attributes:
        name: whom its answer is made of.
        earned: what it would have earned; None if the log does not tell.
        propensity: the probability with which the log tells.
    """

    name: str
    earned: float | None
    propensity: float


def earned(judged: Judged, scale: float = 0.0) -> float:
    """What the answer that was given has earned."""
    if judged.label is not None:
        return worth(judged.answered, judged.label, scale)
    return min(1.0, max(0.0, judged.reward or 0.0))


def replayed(policy: Policy, models: tuple[str, ...], log: Sequence[Judged], rng: Random, scale: float = 0.0) -> Replay:
    """Estimates for `policy` with the linked `models`, from queries in the order in which they were judged."""
    student = _Student(policy, models, rng, scale)
    known = _Known()
    records = []
    for judged in log:
        choice = student.meet(judged)
        records.append(_record(choice, judged, known, scale))
        known.add(choice, judged, scale)
    told = sum([record.action == name for record in records for name in record.target])
    return Replay(doubly_robust(records), inverse_propensity(records), told)


def actual(log: Sequence[Judged], scale: float = 0.0) -> Estimate:
    """What was earned, with its interval."""
    return inverse_propensity([Record("it", 1.0, earned(judged, scale), {"it": 1.0}) for judged in log])


class _Student:
    """A policy on its way through a log, with a state for each context."""

    def __init__(self, policy: Policy, models: tuple[str, ...], rng: Random, scale: float) -> None:
        self._policy = policy
        self._models = models
        self._rng = rng
        self._scale = scale
        self._states: dict[str | None, State] = {None: policy.init(models)}

    def meet(self, judged: Judged) -> _Choice:
        """Answer a query, then learn from it."""
        x = asked(judged)
        state = self._state(x.context)
        said = dict(zip(judged.models, judged.outputs, strict=True))
        selection, outputs = self._selected(state, x, said)
        answer = self._policy.combine(state, x, selection, outputs)
        choice = self._choice(state, x, judged, selection, outputs, answer)
        if judged.label is not None and said.keys() >= set(self._models):
            self._learn(x, Feedback(judged.label, None, answer), selection, outputs)
        else:
            given = Answer(judged.answered, 1.0, (), judged.propensity)
            self._learn(x, Feedback(judged.label, judged.reward, given), judged.selection, judged.outputs)
        return choice

    def _state(self, context: str | None) -> State:
        state = self._states.get(context)
        if state is None:
            state = self._states[context] = self._policy.start(self._states[None])
        return state

    def _selected(self, state: State, x: Asked, said: dict[str, bytes | None]) -> tuple[Selection, Outputs]:
        """Whom it would have asked, and what they have said as far as is known."""
        selection = self._policy.select(state, self._models, x, self._rng)
        outputs = [said.get(model) for model in selection.models]
        while self._policy.in_stages and said.keys() >= set(selection.models):
            more = self._policy.further(state, self._models, x, selection, outputs)
            if not more:
                break
            certain = (1.0,) * len(more)
            selection = Selection(selection.models + more, selection.propensities + certain, selection.draw)
            outputs = [said.get(model) for model in selection.models]
        return selection, outputs

    def _choice(
        self, state: State, x: Asked, judged: Judged, selection: Selection, outputs: Outputs, answer: Answer | None
    ) -> _Choice:
        logged = dict(zip(judged.models, judged.propensities, strict=True))
        needed = set(selection.models)
        is_alone = answer is not None and not self._policy.is_ensemble and sum(map(bool, answer.weights)) == 1
        if is_alone and answer is not None and self._policy.is_decided(state, x, selection, outputs):
            needed = {model for model, weight in zip(selection.models, answer.weights, strict=True) if weight}
        name = " ".join(sorted(needed))
        if not needed <= logged.keys():
            return _Choice(name, None, 1.0)
        propensity = prod([logged[model] for model in needed])
        if judged.label is not None:
            return _Choice(name, 0.0 if answer is None else worth(answer.output, judged.label, self._scale), propensity)
        if answer is None or judged.reward is None or not same_value(answer.output, judged.answered):
            return _Choice(name, None, 1.0)
        return _Choice(name, min(1.0, max(0.0, judged.reward)), propensity * judged.propensity)

    def _learn(self, x: Asked, feedback: Feedback, selection: Selection, outputs: Outputs) -> None:
        observe = self._policy.observe
        if x.context is not None:
            self._states[x.context] = observe(self._states[x.context], x, feedback, selection, outputs)
        self._states[None] = observe(self._states[None], x, feedback, selection, outputs)


class _Known:
    """What each choice has earned on average so far, weighed by how probable it was that the log tells."""

    def __init__(self) -> None:
        self._totals: dict[str, tuple[float, float]] = {}

    def of(self, name: str) -> float:
        """A prediction by whoever has not seen what comes; 0.5 where nothing is known."""
        total, weight = self._totals.get(name, (0.5, 1.0))
        return total / weight

    def add(self, choice: _Choice, judged: Judged, scale: float) -> None:
        """Learn from a query: of each model that was asked, and of the choice if it was made of several."""
        if judged.label is not None:
            for model, propensity, output in zip(judged.models, judged.propensities, judged.outputs, strict=True):
                value = 0.0 if output is None else worth(output, judged.label, scale)
                self._note(model, value, propensity)
        if choice.earned is not None and (judged.label is None or " " in choice.name):
            self._note(choice.name, choice.earned, choice.propensity)

    def _note(self, name: str, value: float, propensity: float) -> None:
        total, weight = self._totals.get(name, (0.0, 0.0))
        share = 1.0 / max(SMALLEST_PROPENSITY, propensity)
        self._totals[name] = (total + value * share, weight + share)


def _record(choice: _Choice, judged: Judged, known: _Known, scale: float) -> Record:
    target, predicted = {choice.name: 1.0}, {choice.name: known.of(choice.name)}
    if choice.earned is None:
        return Record("something else", 1.0, earned(judged, scale), target, predicted)
    return Record(choice.name, max(SMALLEST_PROPENSITY, choice.propensity), choice.earned, target, predicted)
