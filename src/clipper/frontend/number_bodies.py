"""Predict bodies of many numbers, by a SIMD parser that fills a buffer: no number becomes a Python object.

A fast path beside `bodies.py`, never laxer than it: whatever is not plainly right (a wrong type, a number out of range,
lists of several lengths, a field twice) gives None, and the slow path decides what is to be said about it.
"""

from typing import Any, NamedTuple

import numpy as np
import simdjson

from clipper.core.inputs import DType
from clipper.core.json_inputs import MAX_JSON_DIMENSIONS

MIN_BODY_BYTES = {DType.INT32: 4000, DType.FLOAT32: 4000, DType.FLOAT64: 1400}
"""Shorter bodies are faster the other way: `python -m benchmarks.number_parsing` shows where the two meet."""

MAX_KEPT_PARSER_BYTES = 4 * 1024 * 1024
"""A parser keeps up to 12 times the longest body it has seen; longer bodies than this one get one of their own."""

_FIELDS = {"input", "input_batch", "version", "context"}
_NO_STRUCTURE = b"0123456789+-.eE \t\r\n"
_PARSED = {DType.INT32: ("i", "<i8"), DType.FLOAT32: ("d", "<f8"), DType.FLOAT64: ("d", "<f8")}
_TARGET = {DType.INT32: "<i4", DType.FLOAT32: "<f4", DType.FLOAT64: "<f8"}
_LARGEST = {DType.INT32: 2.0**31 - 1, DType.FLOAT32: float(np.finfo(np.float32).max), DType.FLOAT64: 0.0}


class NumberBody(NamedTuple):
    """What a body says: its numbers in canonical form, their shape, and the optional fields.

    Attributes:
        is_batch: the field was `input_batch`: the first dimension counts inputs, and there are more dimensions.
    """

    shape: tuple[int, ...]
    payload: bytes
    is_batch: bool
    version: str | None
    context: str | None


class NumberBodyParser:
    """Parses the bodies of one numeric input type."""

    def __init__(self, dtype: DType) -> None:
        self._dtype = dtype
        self._parser: Any = simdjson.Parser()
        self._letter, self._source = _PARSED[dtype]
        self._target = _TARGET[dtype]
        self._largest = _LARGEST[dtype]

    def parse(self, body: bytes) -> NumberBody | None:
        """What `body` asks, or None: look at it another way."""
        if not body.startswith(b"{"):  # simdjson skips a byte order mark, which JSON does not allow
            return None
        parser: Any = self._parser if len(body) <= MAX_KEPT_PARSER_BYTES else simdjson.Parser()
        try:
            return self._read(body, parser.parse(body))
        except (
            ValueError,
            TypeError,
            RuntimeError,
            KeyError,
        ):  # its names for: not JSON, not a number, too deep, absent
            return None

    def _read(self, body: bytes, document: Any) -> NumberBody | None:
        version: Any = None
        context: Any = None
        if len(document) == 1:
            is_batch = "input" not in document
        else:
            fields = set(document)
            if len(fields) != len(document) or not fields <= _FIELDS:
                return None
            is_batch = "input" not in fields
            version, context = document.get("version"), document.get("context")
            if not (_is_plain(version) and _is_plain(context)) or (not is_batch and "input_batch" in fields):
                return None
        array = document["input_batch" if is_batch else "input"]
        payload = None if type(array) is not simdjson.Array else self._payload(array)
        if not payload:
            return None
        shape = _shape(body, array, len(payload) // self._dtype.item_size)
        if shape is None or (is_batch and len(shape) == 1) or len(shape) - is_batch > MAX_JSON_DIMENSIONS:
            return None
        return NumberBody(shape, payload, is_batch, version, context)

    def _payload(self, array: Any) -> bytes | None:
        """The numbers, row-major, whatever the nesting. Raises TypeError for anything that is not a number."""
        filled = array.as_buffer(of_type=self._letter)
        if self._dtype is DType.FLOAT64:
            return bytes(filled)  # finite: simdjson refuses what overflows
        numbers: Any = np.frombuffer(filled, self._source)
        if (
            not numbers.size
            or np.maximum.reduce(numbers) > self._largest
            or np.minimum.reduce(numbers) < -self._largest
        ):
            return None  # the least integer and what rounds to the largest float are left to the slow path
        converted: bytes = numbers.astype(self._target).tobytes()
        return converted


def _is_plain(value: Any) -> bool:
    """Whether an optional field is as it should be and cannot be taken for a list's bracket."""
    return value is None or (type(value) is str and "[" not in value and "]" not in value)


def _shape(body: bytes, array: Any, count: int) -> tuple[int, ...] | None:
    """The shape of `array`, the only list in `body`, with `count` numbers in it. None if its lists differ in length."""
    start = body.find(b"[")
    if body.find(b"[", start + 1) < 0:
        return (count,)
    shape: tuple[int, ...] = ()
    expected = b""
    total = 1
    level: Any = array
    while type(level) is simdjson.Array and total <= count and len(level):
        shape += (len(level),)
        total *= len(level)
        level = level[0]
    if total != count:
        return None
    for length in reversed(shape):
        expected = b"[" + b",".join([expected] * length) + b"]"
    structure = body[start : body.rfind(b"]") + 1].translate(None, _NO_STRUCTURE)
    return shape if structure == expected else None
