"""What a selection policy is: `init`, `select`, `combine`, `observe` over a state that is a plain value (paper §5).

A policy holds no state of its own. Its state, one per application and context, is kept elsewhere, so that any number
of queries may be in flight and feedback may come late. The propensities of a selection travel with the query.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple, Protocol, TypeAlias

from clipper.core.inputs import Input

State: TypeAlias = dict[str, Any]
"""A plain value: numbers, strings, lists and dictionaries of them, so that every store can keep it."""


class Selection(NamedTuple):
    """The models to ask, and the probability with which each was chosen."""

    models: tuple[str, ...]
    propensities: tuple[float, ...]


class Answer(NamedTuple):
    """An output as JSON text, and how sure of it the policy is, from 0 to 1."""

    output: bytes
    confidence: float


class Policy(Protocol):
    """Pure functions of a state. `outputs` is in the order of `selection.models`, None where nothing arrived."""

    def init(self, models: tuple[str, ...], config: dict[str, Any]) -> State:
        """The state before any feedback. Raises INVALID_ARGUMENT naming the setting that is wrong."""

    def select(self, state: State, models: tuple[str, ...], x: Input, rng: Random) -> Selection:
        """Which of the linked `models` (never empty) to ask for `x`."""

    def combine(self, state: State, selection: Selection, outputs: Sequence[bytes | None]) -> Answer | None:
        """One answer from what arrived; None if that does not carry one."""

    def observe(
        self, state: State, x: Input, label: bytes, selection: Selection, outputs: Sequence[bytes | None]
    ) -> State:
        """The state after the true label (JSON text) of a query whose models had said `outputs`."""
