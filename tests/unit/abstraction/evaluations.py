"""Inputs, waiters and evaluations for the tests of the abstraction layer."""

import struct

from clipper.abstraction.evaluation import Evaluation, Evaluations
from clipper.core.inputs import DType, Input
from clipper.wire.batches import Outcome


class Asker:
    """A waiter that notes what it is told."""

    def __init__(self, deadline: float = 1e9) -> None:
        self.answered = False
        self.deadline = deadline
        self.received: list[tuple[int, Outcome, float]] = []

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for _, outcome, _ in self.received]

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        self.received.append((member, outcome, now))


def number(value: float, dtype: DType = DType.FLOAT64) -> Input:
    """An input that holds one number."""
    return Input(dtype, (1,), struct.pack("<d" if dtype is DType.FLOAT64 else "<f", value))


def evaluation(
    asked: Input, deadline: float = 1e9, owner: Evaluations | None = None, asker: Asker | None = None
) -> Evaluation:
    """An evaluation that stands under its input's key in `owner`."""
    owner = {} if owner is None else owner
    made = Evaluation(asked, owner, deadline, 0.0, (asker or Asker(deadline), 0))
    owner[asked.key] = made
    return made
