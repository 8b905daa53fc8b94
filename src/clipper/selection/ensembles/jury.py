"""The `jury` policy: members vote, weighted by the odds that each is right, and the vote competes with each of them.

Members whose mistakes are their own are better together than the best of them alone; members that err alike are not.
Which it is, is learned: exponential weights, as in `hedge`, over the members and the vote of all. So it is never much
worse than the best member, and better where members differ. Who is right how often is followed as in `tracking`:
forgotten as soon as it changes.
"""

from collections.abc import Sequence
from math import log
from typing import Any

from clipper.selection.bandits.changes import LARGEST, SMALLEST, UNKNOWN, diluted_track, followed, mean
from clipper.selection.configured import NotNegative, Positive, configured
from clipper.selection.ensembles.hedge import Hedge, HedgeSettings
from clipper.selection.ensembles.means import mean_answer
from clipper.selection.ensembles.votes import vote
from clipper.selection.exponential import weights_of
from clipper.selection.policy import Answer, Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards, value_of

TOGETHER = "*"
"""The place of the vote among the weights; no model has such a name."""

LEAST_ODDS = 1e-3
"""Of the logarithm: who is right no more often than not is heard where nobody else is."""


class JurySettings(HedgeSettings, frozen=True, kw_only=True):
    """Settings of `jury`: those of `hedge`, and

    Attributes:
        memory: how many feedbacks on a member are remembered while it does not change abruptly.
        evidence: how many feedbacks what all contexts have taught is worth to a new one.
    """

    memory: Positive = 1000.0
    evidence: NotNegative = 10.0


class Jury(Hedge):
    """All together, or the best of them. The default among ensembles that learn from labels."""

    def __init__(self, config: dict[str, Any]) -> None:
        settings = configured(JurySettings, config)
        self._configure(settings)
        self._memory = settings.memory
        self._evidence = settings.evidence

    def init(self, models: tuple[str, ...]) -> State:
        """Half of the weight is the vote's."""
        logs = {**dict.fromkeys(models, -log(max(1, len(models)))), TOGETHER: 0.0}
        return {**super().init(models), "logs": logs, "tracks": {}}

    def start(self, population: State) -> State:
        """The population's weights, nearer to each other, and its accuracies, as if seen a few times."""
        tracks = {model: diluted_track(track, self._evidence) for model, track in population["tracks"].items()}
        return {**super().start(population), "tracks": tracks}

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """What each has alone, and its part of what all have together."""
        *alone, together = weights_of(state["logs"], (*models, TOGETHER))
        odds = _odds(state, models)
        return [weight + together * share for weight, share in zip(alone, odds, strict=True)]

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Moves weight from who lost to who did not, and follows how good each member is."""
        after = super().observe(state, x, feedback, selection, outputs)
        tracks = {**state["tracks"]}
        earned = rewards(feedback, selection, outputs, self.settings.scale)
        for model, reward in zip(selection.models, earned, strict=True):
            if reward is not None:
                tracks[model] = followed(tracks.get(model, UNKNOWN), reward, self._memory)
        return {**after, "tracks": tracks}

    def _judged_besides(
        self, state: State, feedback: Feedback, selection: Selection, outputs: Outputs
    ) -> dict[str, float]:
        """The vote of all."""
        verdict = self._verdict(state, selection, outputs)
        earned = None if verdict is None else value_of(feedback, verdict, self.settings.scale)
        return {} if earned is None else {TOGETHER: earned}

    def _verdict(self, state: State, selection: Selection, outputs: Outputs) -> Answer | None:
        """What the vote alone would have answered."""
        odds = _odds(state, selection.models)
        if self.settings.outputs == "scores":
            answer = mean_answer(outputs, odds, self._expected(state, selection.models), self.settings.scale)
            if answer is not None:
                return answer
        return vote(outputs, odds, lambda place: odds[place])


def _odds(state: State, models: Sequence[str]) -> list[float]:
    """For each member the logarithm of the odds that it is right, as shares of 1."""
    tracks = state["tracks"]
    found = []
    for model in models:
        right = min(LARGEST, max(SMALLEST, mean(tracks.get(model, UNKNOWN))))
        found.append(max(LEAST_ODDS, log(right / (1.0 - right))))
    total = sum(found)
    return [each / total for each in found]
