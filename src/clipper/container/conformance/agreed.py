"""The agreed model: what a container under test answers, and what the driver expects of it.

Each input is answered with what it is: `{"type": "float64", "shape": [2, 2], "sum": 10.0}`, or of a string
`{"type": "string", "shape": [2], "text": "hi"}`. What has no elements, a sum that is no finite number, a string that is
no UTF-8 and one that begins with `fail` fail, the last with a message that holds it. A string `sleep 300` first waits
300 ms.
"""

import json
import math
import struct
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from clipper.core.inputs import NUMPY_NAME, DType, Input
from clipper.wire.batches import ItemFailure, Outcome
from clipper.wire.errors import RemoteProtocolError

FAIL = "fail"
SLEEP = "sleep "

_FORMAT = {DType.BYTES: "B", DType.INT32: "i", DType.FLOAT32: "f", DType.FLOAT64: "d", DType.UINT8: "B"}


def predict_batch(inputs: Iterable[Any]) -> list[dict[str, object]]:
    """The model, as a Python container runs it. Raises ValueError if one of the inputs is to fail."""
    return [_answer(each) for each in inputs]


def _answer(each: Any) -> dict[str, object]:
    if isinstance(each, str):
        if not each or each.startswith(FAIL):
            raise ValueError(each or "no elements")
        if each.startswith(SLEEP):
            time.sleep(int(each.removeprefix(SLEEP)) / 1000)
        return {"type": "string", "shape": [len(each.encode())], "text": each}
    values = np.frombuffer(each, np.uint8) if isinstance(each, bytes) else each
    if not values.size:
        raise ValueError("no elements")
    name = "bytes" if isinstance(each, bytes) else values.dtype.name
    return {"type": name, "shape": list(values.shape), "sum": values.sum(dtype=np.float64).item()}


def numbers(dtype: DType, shape: tuple[int, ...], *values: float) -> Input:
    """An input of numbers."""
    return Input(dtype, shape, struct.pack(f"<{len(values)}{_FORMAT[dtype]}", *values))


def text(value: str) -> Input:
    """An input of one string."""
    return data(value.encode(), DType.STRING)


def data(value: bytes, dtype: DType = DType.BYTES) -> Input:
    """An input of bytes, or of a string that may be no UTF-8."""
    return Input(dtype, (len(value),), value)


def check_outcomes(inputs: list[Input], outcomes: list[Outcome]) -> None:
    """Raises RemoteProtocolError naming the first outcome that is not what the agreed model answers."""
    for number, (each, outcome) in enumerate(zip(inputs, outcomes, strict=True)):
        expected = _expected(each)
        where = f"item {number} of {len(inputs)} ({each.dtype.name.lower()} of shape {list(each.shape)})"
        if isinstance(expected, ItemFailure):
            if not isinstance(outcome, ItemFailure) or expected.message not in outcome.message:
                wanted = f"a failure with {expected.message!r} in its message" if expected.message else "a failure"
                raise RemoteProtocolError(f"{where}: expected {wanted}, got {_shown(outcome)}")
        elif isinstance(outcome, ItemFailure) or _decoded(outcome) != expected:
            raise RemoteProtocolError(f"{where}: expected {str(expected)[:200]}, got {_shown(outcome)}")


def check_sum(outcome: Outcome, total: int) -> None:
    """Raises RemoteProtocolError unless that is the sum in `outcome`: for inputs that are too large for the above."""
    answer = None if isinstance(outcome, ItemFailure) else _decoded(outcome)
    if not isinstance(answer, dict) or answer.get("sum") != total:
        raise RemoteProtocolError(f"Expected the sum {total}, got {_shown(outcome)}")


def _expected(each: Input) -> dict[str, object] | ItemFailure:
    if each.dtype is DType.STRING:
        try:
            value = each.payload.decode()
        except UnicodeDecodeError:
            return ItemFailure("")
        if not value or value.startswith(FAIL):
            return ItemFailure(value)
        return {"type": "string", "shape": [len(each.payload)], "text": value}
    count = len(each.payload) // each.dtype.item_size
    total = math.fsum(struct.unpack(f"<{count}{_FORMAT[each.dtype]}", each.payload)) if count else math.nan
    if not math.isfinite(total):
        return ItemFailure("")
    return {"type": NUMPY_NAME.get(each.dtype, "bytes"), "shape": list(each.shape), "sum": total}


def _decoded(outcome: bytes) -> object:
    try:
        return json.loads(outcome.decode(), parse_constant=_refuse)
    except ValueError as error:
        raise RemoteProtocolError(f"An output is not JSON: {error}: {_shown(outcome)}") from None


def _refuse(literal: str) -> float:
    raise ValueError(f"{literal} is not JSON")


def _shown(outcome: Outcome) -> str:
    if isinstance(outcome, ItemFailure):
        return f"the failure {outcome.message[:200]!r}"
    return outcome[:200].decode(errors="replace")
