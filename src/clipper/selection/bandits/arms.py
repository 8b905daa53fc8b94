"""What all bandits share: one model is asked, chosen by chance, and its answer is the answer."""

from abc import abstractmethod
from collections.abc import Sequence
from random import Random

import msgspec

from clipper.selection.configured import NotNegative
from clipper.selection.policy import Answer, Outputs, Policy, Query, Selection, State
from clipper.selection.scores import accuracy, no_scores


class BanditSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every bandit.

    Attributes:
        scale: for numbers, the distance from the label at which an output is worth nothing; 0: right or wrong.
    """

    scale: NotNegative = 0.0


class Bandit(Policy):
    """Chooses one model for each query. Confidence is what that model earns, as far as is known."""

    verbatim = True

    @abstractmethod
    def shares(self, state: State, models: tuple[str, ...]) -> list[float]:
        """The probability with which each model would be chosen now; they sum to 1."""

    def init(self, models: tuple[str, ...]) -> State:
        """Nobody has been seen."""
        return no_scores()

    def expected(self, state: State, model: str) -> float:
        """What a model is expected to earn, from 0 to 1: also the confidence in its answers."""
        return accuracy(state, model)

    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """One of them, by its share."""
        return drawn(models, self.shares(state, models), rng)

    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """What that model said."""
        for model, output in zip(selection.models, outputs, strict=True):
            if output is not None:
                weights = tuple([float(each == model) for each in selection.models])
                return Answer(output, self.expected(state, model), weights)
        return None

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """The probabilities of being chosen."""
        return dict(zip(models, self.shares(state, models), strict=True))


def drawn(models: tuple[str, ...], shares: Sequence[float], rng: Random) -> Selection:
    """One model, chosen with the probability that `shares`, which sum to 1, give it."""
    left = rng.random()
    chosen = -1
    for place, share in enumerate(shares):
        if share > 0.0:
            chosen = place
            left -= share
            if left < 0.0:
                break
    return Selection((models[chosen],), (min(1.0, shares[chosen]),))


def best(values: Sequence[float]) -> list[float]:
    """Shares of 1 for the greatest value, divided among those that tie for it."""
    top = max(values)
    share = 1.0 / sum([value == top for value in values])
    return [share if value == top else 0.0 for value in values]
