"""What all ensembles share: every linked model is asked, and the answer is made of all that arrives."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any, Literal

import msgspec

from clipper.selection.configured import NotNegative
from clipper.selection.ensembles.means import Expectations, is_mean_decided, learned, mean_answer
from clipper.selection.ensembles.votes import fewest_deciding, is_vote_decided, vote
from clipper.selection.policy import Answer, Outputs, Policy, Query, Selection, State
from clipper.selection.scores import no_scores


class EnsembleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of ensembles.

    Attributes:
        outputs: `labels` are voted on; `scores` (numbers, or lists of them such as class probabilities) are averaged.
        missing: what is done about scores that have not arrived: `leave_out`, or take what the model says on average
            (`expected`, learned from feedback).
        scale: for numbers, the distance from the label at which an output is worth nothing; 0: right or wrong. Members
            within it of an answer agree with that answer.
    """

    outputs: Literal["labels", "scores"] = "labels"
    missing: Literal["leave_out", "expected"] = "leave_out"
    scale: NotNegative = 0.0


class Ensemble(Policy):
    """Asks all. Confidence is agreement (paper §5.2.1): the weight, missing members included, behind the answer."""

    verbatim = True
    is_ensemble = True
    settings: EnsembleSettings

    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The weight of each member, as shares of 1."""
        count = len(models)
        return [1.0 / count] * count

    def standing(self, state: State, model: str) -> float:
        """What breaks a tie: the side wins whose best member has the highest."""
        return 0.0

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return no_scores()

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """All of them."""
        return everybody(models)

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """The output with the greatest weight behind it, or the weighted mean."""
        if len(outputs) == 1:
            return None if outputs[0] is None else Answer(outputs[0], 1.0, (1.0,))
        shares = self.shares(state, selection.models)
        if self.settings.outputs == "scores":
            expected = self._expected(state, selection.models)
            answer = mean_answer(outputs, shares, expected, self.settings.scale)
            if answer is not None:
                return answer
        return vote(outputs, shares, lambda place: self.standing(state, selection.models[place]))

    def is_decided(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> bool:
        """Once those who are missing have not the weight to change the answer."""
        shares = self.shares(state, selection.models)
        if self.settings.outputs == "scores":
            return is_mean_decided(outputs, shares)
        return is_vote_decided(outputs, shares)

    def quorum(self, state: State, models: tuple[str, ...]) -> int:
        """As many as together have more than half of the weight; for means, all that have some."""
        shares = self.shares(state, models)
        if self.settings.outputs == "scores":
            return len(shares) - shares.count(0.0)
        return fewest_deciding(shares)

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """The members' shares."""
        return dict(zip(models, self.shares(state, models), strict=True))

    def ranked(self, state: State, models: tuple[str, ...]) -> list[str]:
        """By share, and where those are equal, by what breaks ties."""
        keys = [(-share, -self.standing(state, m)) for m, share in zip(models, self.shares(state, models), strict=True)]
        return [models[place] for place in sorted(range(len(models)), key=keys.__getitem__)]

    def with_means(self, state: State, selection: Selection, outputs: Outputs) -> State:
        """The state after the outputs have been taken into what each member is expected to say."""
        if self.settings.missing != "expected" or self.settings.outputs != "scores":
            return state
        means: Expectations = state.get("means", {})
        return {**state, "means": learned(means, selection.models, outputs)}

    def _expected(self, state: State, models: Sequence[str]) -> list[Any]:
        means: Expectations = state.get("means", {})
        return [means[model][1] if model in means else None for model in models]


@lru_cache(maxsize=1024)
def everybody(models: tuple[str, ...]) -> Selection:
    """All models, each certainly."""
    return Selection(models, (1.0,) * len(models))
