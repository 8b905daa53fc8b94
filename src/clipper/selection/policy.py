"""What a selection policy is: `init`, `select`, `combine`, `observe` over a state that is a plain value (paper §5).

A policy object holds its settings and nothing else. Its state, one per application and context, is kept elsewhere, so
that any number of queries may be in flight and feedback may come late: whatever was random about a query (propensities,
draws) travels with the query, never in the policy.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple, Protocol, TypeAlias

from clipper.core.errors import invalid
from clipper.core.inputs import Input

State: TypeAlias = dict[str, Any]
"""A plain value: numbers, text, bytes, lists and dictionaries with text keys, so that every store can keep it."""

Outputs: TypeAlias = Sequence[bytes | None]
"""JSON texts in the order of `Selection.models`; None where nothing (or a failure) has arrived."""


class Query(Protocol):
    """What a policy may know of a query."""

    @property
    def input(self) -> Input:
        """What is asked."""

    @property
    def context(self) -> str | None:
        """Whose query it is."""


class Selection(NamedTuple):
    """The models to ask, the probability with which each was chosen, and a random number in [0, 1) for `combine`."""

    models: tuple[str, ...]
    propensities: tuple[float, ...]
    draw: float = 0.0


class Answer(NamedTuple):
    """An output as JSON text, and how sure of it the policy is, from 0 to 1.

    Attributes:
        weights: the share of each selected model in this answer; empty where the policy does not say.
        propensity: the probability of this answer given the outputs, for policies that draw it.
        stated: the confidence before it was calibrated, where it was.
    """

    output: bytes
    confidence: float
    weights: tuple[float, ...] = ()
    propensity: float = 1.0
    stated: float | None = None


class Feedback(NamedTuple):
    """What became known of a query: the true output as JSON text, or a reward from 0 to 1 for the answer given.

    Attributes:
        answer: what was answered, where that is known and came from `combine`.
    """

    label: bytes | None = None
    reward: float | None = None
    answer: Answer | None = None


class Item(NamedTuple):
    """One of several items to be ranked: the query that it is, whom it was put to, and what they have said."""

    x: Query
    selection: Selection
    outputs: Outputs


class Ranked(NamedTuple):
    """Where an item stands among those that were to be ranked, and what it is expected to be worth."""

    place: int
    score: float


class Policy(ABC):
    """Pure functions of a state and their arguments. `select`, `combine` and `observe` have to be written.

    Attributes:
        verbatim: whether one output of one model is always answered as it is, so that nobody needs to ask the policy.
        in_stages: whether `further` may name more models to ask once the first have answered.
        is_ensemble: whether every member of a selection counts in the answer, and an answer can be made without some:
            those that did not answer are named, and under load only the best are asked.
        ranks_items: whether `rank_items` says which of several inputs are the best.
    """

    verbatim: bool = False
    in_stages: bool = False
    is_ensemble: bool = False
    ranks_items: bool = False

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises INVALID_ARGUMENT naming the setting that is wrong; this default one knows no settings."""
        if config:
            raise invalid(f"Invalid policy_config: {next(iter(config))!r} is unknown, this policy has no settings")

    def init(self, models: tuple[str, ...]) -> State:
        """The state before any feedback."""
        return {}

    def start(self, population: State) -> State:
        """The state of a new context, given what was learned of all."""
        return population

    @abstractmethod
    def select(self, state: State, models: tuple[str, ...], x: Query, rng: Random) -> Selection:
        """Which of the linked `models` (never empty) to ask for `x`; all propensities are positive."""

    @abstractmethod
    def combine(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> Answer | None:
        """One answer from what arrived; None if that does not carry one. The same whenever it is called again."""

    @abstractmethod
    def observe(self, state: State, x: Query, feedback: Feedback, selection: Selection, outputs: Outputs) -> State:
        """The state after feedback on a query whose models had said `outputs`; the old one stays as it is.

        The selection may be another policy's, and the outputs may be more than those the answer was made of.
        Raises INVALID_ARGUMENT if the label is of a kind it cannot learn from.
        """

    def is_decided(self, state: State, x: Query, selection: Selection, outputs: Outputs) -> bool:
        """Whether what is still missing can no longer change the output that is answered."""
        return None not in outputs

    def quorum(self, state: State, models: tuple[str, ...]) -> int:
        """How many of the selected `models` have to answer, at least, before `is_decided` could say so.

        It is not asked before: a larger number than 1 saves time, and too large a one makes answers wait.
        """
        return 1

    def further(
        self, state: State, models: tuple[str, ...], x: Query, selection: Selection, outputs: Outputs
    ) -> tuple[str, ...]:
        """Which of the linked `models` to ask as well, now that all of the selection have answered or failed.

        Called only where `in_stages` is True; it must come to an end, with no models.
        """
        return ()

    def rank_items(self, state: State, items: Sequence[Item], rng: Random) -> list[Ranked]:
        """Those of the items that can be judged by what was said of them, best first. Called only if `ranks_items`."""
        return []

    def weights(self, state: State, models: tuple[str, ...]) -> dict[str, float]:
        """How much the policy relies on each of the linked models, as shares of 1, for operators to see."""
        return dict.fromkeys(models, 1.0 / len(models))

    def ranked(self, state: State, models: tuple[str, ...]) -> list[str]:
        """The linked models, best first: who is asked where there is no time to ask all."""
        weights = self.weights(state, models)
        return sorted(models, key=lambda model: -weights[model])
