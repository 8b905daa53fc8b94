"""The `tracking` policy: the model that is best now answers, and another one, taken in turn by chance, is watched.

The default among bandits. Each query asks two models: the leader, and a probe that is judged by the label as well but
does not answer (except for a small share, so that rewards alone can teach it, too, and where the leader is missing at
the deadline). So exploring costs computation and no accuracy, and what models earn is forgotten as soon as it changes.
"""

from random import Random
from typing import Any

from clipper.selection.bandits.arms import Bandit, BanditSettings, best
from clipper.selection.bandits.changes import UNKNOWN, diluted_track, followed, mean
from clipper.selection.configured import NotNegative, Positive, Share, configured
from clipper.selection.policy import Answer, Feedback, Outputs, Query, Selection, State
from clipper.selection.rewards import rewards


class TrackingSettings(BanditSettings, frozen=True, kw_only=True):
    """Settings of `tracking`.

    Attributes:
        probes: the share of queries for which a second model is asked.
        explore: the share of those for which the probe's answer is taken.
        memory: how many feedbacks on a model are remembered while it does not change abruptly.
        evidence: how many feedbacks what all contexts have taught is worth to a new one.
    """

    probes: Share = 1.0
    explore: Share = 0.01
    memory: Positive = 1000.0
    evidence: NotNegative = 10.0


class Tracking(Bandit):
    """Follows the leader, forgetting at changes."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(TrackingSettings, config)

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return {"tracks": {}}

    def start(self, population: State) -> State:
        """The population's means, as if seen a few times."""
        evidence = self._settings.evidence
        return {"tracks": {model: diluted_track(track, evidence) for model, track in population["tracks"].items()}}

    def expected(self, state: State, model: str) -> float:
        """Its mean reward of late."""
        return mean(state["tracks"].get(model, UNKNOWN))

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The leader's, and what the others answer when they are probes."""
        leading = best([self.expected(state, model) for model in models])
        if len(models) == 1:
            return leading
        probing = self._settings.probes * self._settings.explore
        return [(1.0 - probing) * share + probing * (1.0 - share) / (len(models) - 1) for share in leading]

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """The leader, and mostly a probe."""
        leading = best([self.expected(state, model) for model in models])
        candidates = [model for model, share in zip(models, leading, strict=True) if share]
        leader = candidates[0] if len(candidates) == 1 else rng.choice(candidates)
        share = 1.0 / len(candidates)
        probes = self._settings.probes
        others = [model for model in models if model != leader]
        if not others or rng.random() >= probes:
            return Selection((leader,), (share if not others else share * (1.0 - probes),))
        return Selection((leader, rng.choice(others)), (share, probes / len(others)), rng.random())

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """What the leader said, or the probe if it is its turn or there is nothing else."""
        order = list(range(len(outputs)))
        explore = self._settings.explore
        if len(order) > 1 and selection.draw < explore:
            order.reverse()
        both = None not in outputs and len(order) > 1
        for place in order:
            output = outputs[place]
            if output is not None:
                propensity = 1.0 if not both else explore if place else 1.0 - explore
                weights = tuple([float(each == place) for each in range(len(outputs))])
                return Answer(output, self.expected(state, selection.models[place]), weights, propensity)
        return None

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Follows what both earned; a reward without a label judges only what was answered."""
        earned = rewards(feedback, selection, outputs, self._settings.scale)
        tracks = {**state["tracks"]}
        for model, reward in zip(selection.models, earned, strict=True):
            if reward is not None:
                tracks[model] = followed(tracks.get(model, UNKNOWN), reward, self._settings.memory)
        return {**state, "tracks": tracks}

    def is_decided(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> bool:
        """Once whoever answers has answered."""
        answering = -1 if selection.draw < self._settings.explore else 0
        return outputs[answering] is not None
