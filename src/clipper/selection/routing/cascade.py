"""The `cascade` policy: the cheapest model first, the next one only if that is not sure enough.

How sure a model is of an output is learned: how often it was right when it said that label (or gave its best class a
score as high as this one). Before there is feedback nobody is sure, and all are asked in turn.
"""

from random import Random
from typing import Any
from zlib import crc32

import msgspec

from clipper.selection.configured import NotNegative, Share, configured
from clipper.selection.ensembles.means import score_of
from clipper.selection.policy import Answer, Feedback, Outputs, Policy, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.routing.static import only

KINDS = 64
"""Of outputs that are told apart for each model, so that the state is bounded; labels beyond that share some."""

SCORE_BINS = 20
"""Of a best class's score, from 0 to 1."""


class CascadeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of `cascade`.

    Attributes:
        order: models from the cheapest to the best; linked models not named come last, in the order of linking.
        confidence: from which an answer is given without asking further.
        evidence: how many feedbacks what all contexts have taught is worth to a new one.
        scale: for numbers, the distance from the label at which an output is worth nothing; 0: right or wrong.
    """

    order: list[str] = msgspec.field(default_factory=list)
    confidence: Share = 0.9
    evidence: NotNegative = 10.0
    scale: NotNegative = 0.0


class Cascade(Policy):
    """Asks one after the other, and answers with what the last of them said."""

    verbatim = True
    in_stages = True

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(CascadeSettings, config)
        self._rank = {model: place for place, model in enumerate(self._settings.order)}

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return {"tallies": {}}

    def start(self, population: State) -> State:
        """The population's experience, as if seen a few times."""
        evidence = self._settings.evidence
        return {
            "tallies": {
                model: {kind: _diluted(tally, evidence) for kind, tally in kinds.items()}
                for model, kinds in population["tallies"].items()
            }
        }

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """The cheapest."""
        return only(self._ordered(models)[0])

    def further(
        self, state: State, models: tuple[str, ...], x: Query, selection: Selection, outputs: Outputs
    ) -> tuple[str, ...]:
        """The next one, unless the answer so far is sure enough."""
        answer = self.combine(state, x, selection, outputs)
        if answer is not None and answer.confidence >= self._settings.confidence:
            return ()
        return self._ordered(tuple([model for model in models if model not in selection.models]))[:1]

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """What the best of those that answered said."""
        ordered = self._ordered(selection.models)
        arrived = {m: output for m, output in zip(selection.models, outputs, strict=True) if output is not None}
        for model in reversed(ordered):
            if model in arrived:
                weights = tuple([float(each == model) for each in selection.models])
                return Answer(arrived[model], _confidence(state, model, arrived[model]), weights)
        return None

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts how often each was right when it said what it did."""
        tallies = {**state["tallies"]}
        earned = rewards(feedback, selection, outputs, self._settings.scale)
        for model, output, reward in zip(selection.models, outputs, earned, strict=True):
            if output is not None and reward is not None:
                kind = _kind(output)
                right, seen = tallies.get(model, {}).get(kind, (0.0, 0.0))
                tallies[model] = {**tallies.get(model, {}), kind: [right + reward, seen + 1.0]}
        return {"tallies": tallies}

    def _ordered(self, models: tuple[str, ...]) -> tuple[str, ...]:
        last = len(self._rank)
        return tuple(sorted(models, key=lambda model: self._rank.get(model, last)))


def _kind(output: bytes) -> str:
    """Outputs of which a model is equally sure: the same label, or a best class of about the same score."""
    scores = score_of(output)
    if scores is not None and len(scores) > 1:
        return f"s{min(SCORE_BINS, max(0, int(max(scores) * SCORE_BINS)))}"
    return str(crc32(output) % KINDS)


def _confidence(state: State, model: str, output: bytes) -> float:
    right, seen = state["tallies"].get(model, {}).get(_kind(output), (0.0, 0.0))
    return float((right + 1.0) / (seen + 2.0))


def _diluted(tally: list[float], evidence: float) -> list[float]:
    kept = min(1.0, evidence / tally[1]) if tally[1] else 0.0
    return [tally[0] * kept, tally[1] * kept]
