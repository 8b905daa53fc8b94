"""From a JSON value, as the predict REST body carries it, to one input in canonical form.

Owns what each input type accepts and what is said about everything else. The query frontend has a faster path for flat
lists that are as they should be, and comes here for the rest, so these messages are the ones users read.
"""

import binascii
import math
import struct
from itertools import chain
from typing import Any

from clipper.core.errors import ClipperError, invalid
from clipper.core.inputs import DType, Input, InputType

MAX_JSON_DIMENSIONS = 8
"""Nesting of lists: as many dimensions as a batch has room for on the wire."""

_FORMAT = {DType.INT32: "i", DType.FLOAT32: "f", DType.FLOAT64: "d"}
_NUMBER = {DType.INT32: "an integer", DType.FLOAT32: "a number", DType.FLOAT64: "a number"}
_TYPES: dict[DType, set[type]] = {DType.INT32: {int}, DType.FLOAT32: {int, float}, DType.FLOAT64: {int, float}}
_RANGE = {
    DType.INT32: "a 32-bit integer (-2147483648 to 2147483647)",
    DType.FLOAT32: "a finite number of at most 3.4e38, as 32-bit floats are",
    DType.FLOAT64: "a finite number of at most 1.8e308, as 64-bit floats are",
}
_QUOTED_CHARACTERS = 40
"""How much of a wrong value a message repeats."""


def input_from_json(value: Any, input_type: InputType, field: str = "input") -> Input:
    """The canonical form of `value`, decoded JSON.

    Integers are accepted where floats or doubles are expected. Lists may be nested: the nesting is the shape.

    Raises INVALID_ARGUMENT with a message that names `field`, the offending element and what was expected.
    """
    match input_type:
        case InputType.BYTES:
            payload = _from_base64(value, field)
            return Input(DType.BYTES, (len(payload),), payload)
        case InputType.STRINGS:
            payload = _from_text(value, field)
            return Input(DType.STRING, (len(payload),), payload)
        case _:
            return _from_lists(value, input_type.dtype, field)


def _from_text(value: Any, field: str) -> bytes:
    if not isinstance(value, str):
        raise invalid(f"Invalid {field}: expected a string, got {_describe(value)}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise invalid(
            f"Invalid {field}: character {error.start} is half of a surrogate pair (\\u{ord(value[error.start]):x}); "
            "expected text that is valid UTF-8"
        ) from None


def _from_base64(value: Any, field: str) -> bytes:
    if not isinstance(value, str):
        raise invalid(f"Invalid {field}: expected bytes as a base64 string, got {_describe(value)}")
    try:
        return binascii.a2b_base64(value, strict_mode=bool(value))
    except ValueError as error:  # binascii.Error is one; characters outside ASCII raise a plain one
        raise invalid(f"Invalid {field}: expected bytes as a base64 string: {error}") from None


def _from_lists(value: Any, dtype: DType, field: str) -> Input:
    if not isinstance(value, list):
        raise invalid(f"Invalid {field}: expected a list of {_plural(dtype)}, got {_describe(value)}")
    shape, elements = _flatten(value, dtype, field)
    if not set(map(type, elements)) <= _TYPES[dtype]:
        raise _wrong_element(elements, shape, dtype, field)
    try:
        payload = struct.pack(f"<{len(elements)}{_FORMAT[dtype]}", *elements)
        finite = dtype is DType.INT32 or math.isfinite(sum(elements))
    except (struct.error, OverflowError):
        raise _wrong_element(elements, shape, dtype, field) from None
    if not finite and not all(map(math.isfinite, elements)):  # the sum alone may overflow without any culprit
        raise _wrong_element(elements, shape, dtype, field)
    return Input(dtype, shape, payload)


def _flatten(value: list[Any], dtype: DType, field: str) -> tuple[tuple[int, ...], list[Any]]:
    """The shape and the elements of nested lists, one level at a time, so that no depth can exhaust the stack."""
    shape: tuple[int, ...] = (len(value),)
    level = value
    while level and type(level[0]) is list:
        if len(shape) == MAX_JSON_DIMENSIONS:
            raise invalid(f"Invalid {field}: lists are nested more than {MAX_JSON_DIMENSIONS} deep")
        width = len(level[0])
        for index, row in enumerate(level):
            if type(row) is not list or len(row) != width:
                raise _ragged(level, index, shape, field)
        shape += (width,)
        level = list(chain.from_iterable(level))
    if not level:
        raise invalid(f"Invalid {field}: the list is empty, expected at least one {_singular(dtype)}")
    return shape, level


def _ragged(level: list[Any], index: int, shape: tuple[int, ...], field: str) -> ClipperError:
    row = level[index]
    found = f"has {len(row)} elements" if type(row) is list else f"is {_describe(row)}"
    return invalid(
        f"Invalid {field}: {_place(index, shape, field)} {found} but {_place(0, shape, field)} is a list of "
        f"{len(level[0])}; expected nested lists of one length"
    )


def _wrong_element(elements: list[Any], shape: tuple[int, ...], dtype: DType, field: str) -> ClipperError:
    """What to say about the first element that is not of the type or not in the range."""
    for index, element in enumerate(elements):
        if type(element) not in _TYPES[dtype]:
            expected = _NUMBER[dtype]
        elif not _in_range(element, dtype):
            expected = _RANGE[dtype]
        else:
            continue
        place = _place(index, shape, field)
        return invalid(f"Invalid {field}: {place} is {_describe(element)}; expected {expected}")
    raise AssertionError("called for elements that are all right")


def _in_range(element: float, dtype: DType) -> bool:
    try:
        struct.pack(f"<{_FORMAT[dtype]}", element)
        return math.isfinite(element)
    except (struct.error, OverflowError):
        return False


def _place(index: int, shape: tuple[int, ...], field: str) -> str:
    """`input[2][0]`: where the `index`-th of the elements that fill `shape` stands."""
    indices: list[int] = []
    for length in reversed(shape):
        index, at = divmod(index, length)
        indices.append(at)
    return field + "".join(f"[{at}]" for at in reversed(indices))


def _singular(dtype: DType) -> str:
    return _NUMBER[dtype].partition(" ")[2]


def _plural(dtype: DType) -> str:
    return f"{_singular(dtype)}s"


def _describe(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > 128:
            return f"an integer of {value.bit_length()} bits"
        case int() | float():
            return repr(value)
        case str():
            quoted = ascii(value[:_QUOTED_CHARACTERS])
            return f"the string {quoted}" if len(value) <= _QUOTED_CHARACTERS else f"a string starting {quoted}"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"
