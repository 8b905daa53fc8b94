"""The `static` policy: the first linked model answers."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any

from clipper.core.inputs import Input
from clipper.selection.policy import Answer, Selection, State
from clipper.selection.scores import no_scores, scored


class Static:
    """One model, chosen by the operator."""

    def init(self, models: tuple[str, ...], config: dict[str, Any]) -> State:
        """Nothing to set."""
        return no_scores()

    def select(self, state: State, models: tuple[str, ...], x: Input, rng: Random) -> Selection:
        """The first one, always."""
        return _only(models[0])

    def combine(self, state: State, selection: Selection, outputs: Sequence[bytes | None]) -> Answer | None:
        """What that model said."""
        output = outputs[0]
        return None if output is None else Answer(output, 1.0)

    def observe(
        self, state: State, x: Input, label: bytes, selection: Selection, outputs: Sequence[bytes | None]
    ) -> State:
        """Counts how often it was right, for the operator to see."""
        return scored(state, label, selection, outputs)


@lru_cache(maxsize=1024)
def _only(model: str) -> Selection:
    return Selection((model,), (1.0,))
