"""What scripted containers of these tests answer: JSON of what they were sent."""

import json
import struct
from collections.abc import Callable

from clipper.core.inputs import DType
from clipper.wire.batches import InputBatch, Outcome
from tests.fake_container import Behaviour, Peer

_LETTER = {DType.INT32: "i", DType.FLOAT32: "f", DType.FLOAT64: "d", DType.UINT8: "B"}


def rows(batch: InputBatch) -> list[list[float]]:
    """The elements of each row, numbers, or the bytes of a text."""
    letter = _LETTER.get(batch.dtype, "B")
    return [list(struct.unpack(f"<{len(row) // batch.dtype.item_size}{letter}", row)) for row in batch.rows()]


def each(function: Callable[[list[float]], object]) -> Behaviour:
    """Answer each input with a function of its elements."""

    async def behave(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        outcomes: list[Outcome] = [json.dumps(function(row)).encode() for row in rows(batch)]
        peer.answer(batch_id, outcomes)

    return behave


add_up = each(sum)


async def describe(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Answer with the element type, the shape and the elements."""
    shapes = batch.shapes if len(batch.shapes) == batch.size else [batch.shapes[0]] * batch.size
    outcomes: list[Outcome] = [
        json.dumps([batch.dtype.name, list(shape), row]).encode()
        for shape, row in zip(shapes, rows(batch), strict=True)
    ]
    peer.answer(batch_id, outcomes)
