"""What is known of one query once there was feedback: enough to tell by it what another policy would have earned."""

from typing import NamedTuple

import msgspec

from clipper.core.inputs import DType, Input
from clipper.selection.policy import Selection


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """One query that has been judged.

    Attributes:
        dtype, shape, payload: its input.
        label, reward: the feedback, as JSON text or from 0 to 1.
        answered: what was answered, as JSON text.
        propensity: the probability of this answer given the outputs, where the policy drew it.
        models, propensities, outputs: who was asked, with which probability, and what each said.
    """

    dtype: int
    shape: tuple[int, ...]
    payload: bytes
    context: str | None
    label: bytes | None
    reward: float | None
    answered: bytes
    propensity: float
    models: tuple[str, ...]
    propensities: tuple[float, ...]
    outputs: tuple[bytes | None, ...]

    @property
    def selection(self) -> Selection:
        """Who was asked."""
        return Selection(self.models, self.propensities)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some judged queries in order, and where the next ones begin."""

    next: int
    judged: list[Judged]


def written(page: Page) -> bytes:
    """A page for another process."""
    return msgspec.msgpack.encode(page)


def read_page(encoded: bytes) -> Page:
    """What was `written`. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(encoded, type=Page)


class Asked(NamedTuple):
    """A query as a policy sees it."""

    input: Input
    context: str | None


def asked(judged: Judged) -> Asked:
    """The query that was judged."""
    return Asked(Input(DType(judged.dtype), judged.shape, judged.payload), judged.context)
