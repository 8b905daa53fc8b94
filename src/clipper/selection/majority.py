"""The `majority` policy: every linked model is asked and the most frequent output wins.

Confidence is the agreement of the members (paper §5.2.1): the share of all members, missing ones included, that said
what was answered.
"""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any

from clipper.core.inputs import Input
from clipper.selection.policy import Answer, Selection, State
from clipper.selection.scores import accuracy, no_scores, scored


class Majority:
    """An ensemble with equal votes; a tie goes to the side whose best member has been right more often so far."""

    def init(self, models: tuple[str, ...], config: dict[str, Any]) -> State:
        """Nothing to set."""
        return no_scores()

    def select(self, state: State, models: tuple[str, ...], x: Input, rng: Random) -> Selection:
        """All of them."""
        return _all(models)

    def combine(self, state: State, selection: Selection, outputs: Sequence[bytes | None]) -> Answer | None:
        """The output with the most votes among those that arrived."""
        if len(outputs) == 1:
            return None if outputs[0] is None else Answer(outputs[0], 1.0)
        votes: dict[bytes, list[str]] = {}
        for model, output in zip(selection.models, outputs, strict=True):
            if output is not None:
                votes.setdefault(output, []).append(model)
        if not votes:
            return None
        winner = max(votes, key=lambda output: (len(votes[output]), max(accuracy(state, m) for m in votes[output])))
        return Answer(winner, len(votes[winner]) / len(outputs))

    def observe(
        self, state: State, x: Input, label: bytes, selection: Selection, outputs: Sequence[bytes | None]
    ) -> State:
        """Counts how often each member was right."""
        return scored(state, label, selection, outputs)


@lru_cache(maxsize=1024)
def _all(models: tuple[str, ...]) -> Selection:
    return Selection(models, (1.0,) * len(models))
