"""Input types, and the canonical form of one input: (dtype, shape, bytes).

The canonical bytes are the cache key, the wire payload and what a container sees as a row of one NumPy array.
"""

from enum import IntEnum, StrEnum
from typing import Final

from clipper.core.errors import invalid


class InputType(StrEnum):
    """What an application accepts and a model expects, in the original Clipper's words."""

    BYTES = "bytes"
    INTEGERS = "integers"
    FLOATS = "floats"
    DOUBLES = "doubles"
    STRINGS = "strings"

    @property
    def dtype(self) -> "DType":
        """How one element of this input type travels."""
        return _DTYPE_OF[self]


class DType(IntEnum):
    """Element types on the wire; the first five are the original Clipper's digits."""

    BYTES = 0
    INT32 = 1
    FLOAT32 = 2
    FLOAT64 = 3
    STRING = 4
    UINT8 = 5
    """A tensor of bytes (an image): what a `bytes` application receives together with a shape."""

    @property
    def item_size(self) -> int:
        """Bytes per element."""
        return _ITEM_SIZES[self]

    @property
    def is_numeric(self) -> bool:
        """Whether a batch of this type is one array (else a list of `bytes` or `str`)."""
        return self is not _BYTES and self is not _STRING


_DTYPE_OF = {
    InputType.BYTES: DType.BYTES,
    InputType.INTEGERS: DType.INT32,
    InputType.FLOATS: DType.FLOAT32,
    InputType.DOUBLES: DType.FLOAT64,
    InputType.STRINGS: DType.STRING,
}

_ITEM_SIZES: Final = (1, 4, 4, 8, 1, 1)
"""By element type; a tuple, since an enum's hash is a call of Python's."""

_BYTES: Final = DType.BYTES  # a name of this module is found several times faster than an enum's attribute
_STRING: Final = DType.STRING
_UINT8: Final = DType.UINT8

NUMPY_NAME = {
    DType.INT32: "int32",
    DType.FLOAT32: "float32",
    DType.FLOAT64: "float64",
    DType.UINT8: "uint8",
}
"""The NumPy name of each numeric element type."""

_ALIASES = {
    "bytes": InputType.BYTES,
    "byte": InputType.BYTES,
    "b": InputType.BYTES,
    "integers": InputType.INTEGERS,
    "ints": InputType.INTEGERS,
    "int": InputType.INTEGERS,
    "integer": InputType.INTEGERS,
    "i": InputType.INTEGERS,
    "floats": InputType.FLOATS,
    "float": InputType.FLOATS,
    "f": InputType.FLOATS,
    "doubles": InputType.DOUBLES,
    "double": InputType.DOUBLES,
    "d": InputType.DOUBLES,
    "strings": InputType.STRINGS,
    "string": InputType.STRINGS,
    "str": InputType.STRINGS,
    "s": InputType.STRINGS,
}


def parse_input_type(text: str, field: str = "input_type") -> InputType:
    """The input type that `text` names, by any of the original's aliases; else INVALID_ARGUMENT naming `field`."""
    found = _ALIASES.get(text)
    if found is None:
        raise invalid(f"Invalid {field} {text[:80]!r}: expected one of {', '.join(InputType)}")
    return found


class Input:
    """One input in canonical form.

    Attributes:
        dtype: the element type.
        shape: the dimensions; for bytes and strings one dimension, the length in bytes.
        payload: the elements, little-endian, row-major.
        key: what a prediction cache compares, in full: the payload alone where it implies the shape.
    """

    __slots__ = ("dtype", "key", "payload", "shape")

    def __init__(self, dtype: DType, shape: tuple[int, ...], payload: bytes) -> None:
        self.dtype = dtype
        self.shape = shape
        self.payload = payload
        self.key: bytes | tuple[int, tuple[int, ...], bytes] = (
            payload if len(shape) == 1 and dtype is not _UINT8 else (dtype, shape, payload)
        )
