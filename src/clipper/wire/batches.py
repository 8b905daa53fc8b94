"""Bodies of PREDICT and RESULT: a batch of inputs out, one outcome per input back.

PREDICT: u32 n, u8 dtype, u8 layout, u8 ndim, u8 place, dimensions, zeros up to a multiple of 8, rows back to back.
Layout 0 (uniform): dimensions u32[ndim], the shape of every row. Layout 1 (ragged): u32[n][ndim], one shape a row.
Place 0: the rows follow. Place 1: they lie in the link's arena, and their offset in it follows, u64.

RESULT: u32 n, u32 0, u64 compute time in nanoseconds, u32 lengths[n], items back to back. An item is an output as
JSON text, or, where bit 31 of its length is set, the UTF-8 message of that item's failure.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import Final, NamedTuple, TypeAlias

from clipper.core.inputs import DType, Input
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.frames import MessageType, encode_frame, encode_header

MAX_BATCH: Final = 65_536
"""Inputs in one batch: twice the largest batch that the paper's fastest model could use in 20 ms."""

MAX_DIMENSIONS: Final = 8

_PREDICT: Final = struct.Struct("<IBBBB")
_RESULT: Final = struct.Struct("<IIQ")
_OFFSET: Final = struct.Struct("<Q")
_UNIFORM: Final = 0
_RAGGED: Final = 1
_FOLLOWING: Final = 0
_IN_ARENA: Final = 1
_FAILED: Final = 1 << 31
_DTYPES: Final = {int(each): each for each in DType}


class ItemFailure(NamedTuple):
    """One input's failure: batch-mates are not touched by it."""

    message: str


Outcome: TypeAlias = bytes | ItemFailure
"""An output as JSON text, or why there is none."""


class InputBatch:
    """A decoded PREDICT.

    Attributes:
        size: the number of inputs.
        shapes: one entry if every row has that shape, else one for each row.
        payload: the rows back to back.
    """

    __slots__ = ("dtype", "payload", "shapes", "size")

    def __init__(self, dtype: DType, size: int, shapes: Sequence[tuple[int, ...]], payload: memoryview) -> None:
        self.dtype = dtype
        self.size = size
        self.shapes = shapes
        self.payload = payload

    @property
    def uniform(self) -> bool:
        """Whether the rows form one array."""
        return len(self.shapes) == 1 and self.dtype.is_numeric

    def rows(self) -> list[memoryview]:
        """The bytes of each row."""
        shapes = self.shapes if len(self.shapes) == self.size else [self.shapes[0]] * self.size
        ends = list(accumulate(prod(shape) * self.dtype.item_size for shape in shapes))
        return [self.payload[start:end] for start, end in zip([0, *ends], ends, strict=False)]


class ResultBatch(NamedTuple):
    """A decoded RESULT: outcomes in the order of the inputs, and the container's own compute time."""

    outcomes: list[Outcome]
    compute_ns: int


def encode_predict(batch_id: int, inputs: Sequence[Input]) -> bytes:
    """A PREDICT frame. All inputs must have one dtype and one number of dimensions (the caller cuts batches so)."""
    return b"".join(encode_predict_parts(batch_id, inputs))


def encode_predict_parts(batch_id: int, inputs: Sequence[Input]) -> list[bytes]:
    """The same in parts, to be sent back to back: large rows need not be copied together."""
    parts = [_predict_head(inputs, _FOLLOWING), *[each.payload for each in inputs]]
    return [encode_header(MessageType.PREDICT, batch_id, parts), *parts]


def encode_predict_in_arena(batch_id: int, inputs: Sequence[Input], offset: int) -> bytes:
    """The same for rows that lie in the arena from `offset` on, a multiple of 8."""
    return encode_frame(MessageType.PREDICT, batch_id, _predict_head(inputs, _IN_ARENA), _OFFSET.pack(offset))


def _predict_head(inputs: Sequence[Input], place: int) -> bytes:
    dtype = inputs[0].dtype
    first = inputs[0].shape
    ndim = len(first)
    if dtype.is_numeric and _have_shape(inputs, first):
        layout, dimensions = _UNIFORM, first
    else:
        layout, dimensions = _RAGGED, tuple(length for each in inputs for length in each.shape)
    head = _PREDICT.pack(len(inputs), dtype, layout, ndim, place) + struct.pack(f"<{len(dimensions)}I", *dimensions)
    return head + bytes(-len(head) % 8)


def _have_shape(inputs: Sequence[Input], shape: tuple[int, ...]) -> bool:
    for each in inputs:  # noqa: SIM110 - `all` with a generator costs three times as much
        if each.shape is not shape and each.shape != shape:
            return False
    return True


def decode_predict(body: bytes, arena: memoryview | None = None) -> InputBatch:
    """Raises RemoteProtocolError if counts, dimensions, length and `arena` do not agree exactly."""
    if len(body) < _PREDICT.size:
        raise RemoteProtocolError("A PREDICT body ends inside its header")
    size, code, layout, ndim, place = _PREDICT.unpack_from(body)
    dtype = _DTYPES.get(code)
    if dtype is None or layout not in (_UNIFORM, _RAGGED) or place not in (_FOLLOWING, _IN_ARENA):
        raise RemoteProtocolError(f"A PREDICT body has dtype {code}, layout {layout}, place {place}: unknown")
    if not 1 <= size <= MAX_BATCH or not 1 <= ndim <= MAX_DIMENSIONS:
        raise RemoteProtocolError(f"A PREDICT body announces {size} inputs of {ndim} dimensions: outside the limits")
    if not dtype.is_numeric and (layout, ndim) != (_RAGGED, 1):
        raise RemoteProtocolError(f"A PREDICT body of {dtype.name} must be ragged with 1 dimension, not {ndim}")
    count = ndim * (size if layout == _RAGGED else 1)
    start = _PREDICT.size + 4 * count
    start += -start % 8
    if len(body) < start:
        raise RemoteProtocolError("A PREDICT body ends inside its dimensions")
    dimensions = struct.unpack_from(f"<{count}I", body, _PREDICT.size)
    shapes = [dimensions[at : at + ndim] for at in range(0, count, ndim)]
    needed = sum(map(prod, shapes)) * (size if layout == _UNIFORM else 1) * dtype.item_size
    rows = memoryview(body)[start:]
    if place == _IN_ARENA:
        rows = _rows_in_arena(rows, needed, arena)
    elif needed != len(rows):
        raise RemoteProtocolError(f"A PREDICT body holds {len(rows)} bytes of rows; its dimensions need {needed}")
    return InputBatch(dtype, size, shapes, rows)


def _rows_in_arena(reference: memoryview, needed: int, arena: memoryview | None) -> memoryview:
    if arena is None:
        raise RemoteProtocolError("A PREDICT body refers to an arena; this link has none")
    if len(reference) != _OFFSET.size:
        raise RemoteProtocolError(f"A PREDICT body has {len(reference)} bytes where an offset of 8 is expected")
    (offset,) = _OFFSET.unpack(reference)
    if offset % 8 or offset + needed > len(arena):
        raise RemoteProtocolError(
            f"A PREDICT body refers to {needed} bytes at offset {offset} of an arena of {len(arena)} bytes"
        )
    return arena[offset : offset + needed]


def encode_result(batch_id: int, outcomes: Sequence[Outcome], compute_ns: int) -> bytes:
    """A RESULT frame."""
    lengths = []
    items = []
    for outcome in outcomes:
        if isinstance(outcome, bytes):
            lengths.append(len(outcome))
            items.append(outcome)
        else:
            message = outcome.message.encode(errors="replace")
            lengths.append(len(message) | _FAILED)
            items.append(message)
    head = _RESULT.pack(len(items), 0, compute_ns) + struct.pack(f"<{len(items)}I", *lengths)
    return encode_frame(MessageType.RESULT, batch_id, head, *items)


def decode_result(body: bytes) -> ResultBatch:
    """Raises RemoteProtocolError if counts and lengths do not agree exactly."""
    if len(body) < _RESULT.size:
        raise RemoteProtocolError("A RESULT body ends inside its header")
    size, _, compute_ns = _RESULT.unpack_from(body)
    start = _RESULT.size + 4 * size
    if size > MAX_BATCH or len(body) < start:
        raise RemoteProtocolError(f"A RESULT body announces {size} items and ends inside their lengths")
    outcomes: list[Outcome] = []
    lengths: tuple[int, ...] = struct.unpack_from(f"<{size}I", body, _RESULT.size)
    for length in lengths:
        if length & _FAILED:
            end = start + (length ^ _FAILED)
            outcomes.append(ItemFailure(body[start:end].decode(errors="replace")))
        else:
            end = start + length
            outcomes.append(body[start:end])
        start = end
    if start != len(body):
        raise RemoteProtocolError(f"A RESULT body has {len(body)} bytes; its lengths add up to {start}")
    return ResultBatch(outcomes, compute_ns)
