"""The `split` policy: each context is answered by one model, by weights that the operator sets (canary, A/B test).

A context stays with its model while the models do, and as few as possible move when weights or models change (weighted
rendezvous hashing). Queries without a context are divided at random. Models in `shadow` are asked every time and never
answer: they are warmed up and judged by labels.
"""

from hashlib import blake2b
from math import log
from random import Random
from typing import Annotated, Any, Literal

import msgspec

from clipper.selection.bandits.arms import drawn
from clipper.selection.configured import NotNegative, Share, configured
from clipper.selection.policy import Answer, Feedback, Outputs, Policy, Query, Selection, State
from clipper.selection.rewards import rewards
from clipper.selection.scores import accuracy, diluted, no_scores, scored

EVIDENCE = 10.0
"""How many feedbacks the population's accuracies are worth in a new context; they only inform, they decide nothing."""


class VerdictSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sequential test that ends a split: see `selection/evidence/verdict.py`.

    Attributes:
        candidate: the model that is tried; it is promoted once it is certainly not worse than the current one.
        current: the model it is compared with; it takes over again once the candidate is certainly worse.
        error: the probability with which the verdict may be wrong.
        margin: by how much less than the current model the candidate may earn.
        least: feedbacks that each of them must have before there is a verdict.
        decided: the verdict, written here when it is given.
    """

    candidate: str
    current: str
    error: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] = 0.05
    margin: Share = 0.0
    least: Annotated[int, msgspec.Meta(ge=1)] = 30
    decided: Literal["", "promote", "roll_back"] = ""

    def __post_init__(self) -> None:
        if self.candidate == self.current:
            raise ValueError("Expected two models, candidate and current are the same")


class SplitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of `split`.

    Attributes:
        weights: how much of the traffic each model gets, in proportion; linked models not named get nothing. Empty, or
            naming no model that is linked: equal shares.
        shadow: models that are asked but never answer.
        scale: for numbers, the distance from the label at which an output is worth nothing; 0: right or wrong.
        verdict: lets the split end itself.
    """

    weights: dict[str, NotNegative] = msgspec.field(default_factory=dict)
    shadow: list[str] = msgspec.field(default_factory=list)
    scale: NotNegative = 0.0
    verdict: VerdictSettings | None = None


class Split(Policy):
    """Traffic by weight."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._settings = configured(SplitSettings, config)
        self._shadow = frozenset(self._settings.shadow)

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return no_scores()

    def start(self, population: State) -> State:
        """The population's accuracies, as if seen a few times."""
        return diluted(population, EVIDENCE)

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """The model of this context, then those in the shadow."""
        shares = self._shares(models)
        if x.context is None:
            chosen = drawn(models, shares, rng)
        else:
            place = _stick(x.context, models, shares)
            chosen = Selection((models[place],), (shares[place],))
        shadow = tuple([model for model in models if model in self._shadow and model != chosen.models[0]])
        return Selection(chosen.models + shadow, chosen.propensities + (1.0,) * len(shadow)) if shadow else chosen

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """What the one model said; nobody steps in for it."""
        output = outputs[0]
        if output is None:
            return None
        return Answer(output, accuracy(state, selection.models[0]), (1.0, *(0.0 for _ in outputs[1:])))

    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """Counts how good each was, for the verdict."""
        return scored(state, selection, rewards(feedback, selection, outputs, self._settings.scale))

    def is_decided(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> bool:
        """Once the one model has answered: nobody waits for a shadow."""
        return outputs[0] is not None

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """The shares of the traffic."""
        return dict(zip(models, self._shares(models), strict=True))

    def _shares(self, models: tuple[str, ...]) -> list[float]:
        weights = [0.0 if m in self._shadow else self._settings.weights.get(m, 0.0) for m in models]
        if not any(weights):
            weights = [float(model not in self._shadow) for model in models]
        if not any(weights):  # nobody but shadows is linked: better they than nobody
            weights = [1.0] * len(models)
        total = sum(weights)
        return [weight / total for weight in weights]


def _stick(context: str, models: tuple[str, ...], shares: list[float]) -> int:
    """The place of the model that a context stays with: each model draws by hash, the best weighted draw wins."""
    best, chosen = 0.0, -1
    for place, (model, share) in enumerate(zip(models, shares, strict=True)):
        if share > 0.0:
            digest = blake2b(f"{context}\0{model}".encode(errors="surrogatepass"), digest_size=7).digest()
            uniform = (int.from_bytes(digest, "big") + 0.5) / 2.0**56
            time = -log(uniform) / share
            if chosen < 0 or time < best:
                best, chosen = time, place
    return chosen
