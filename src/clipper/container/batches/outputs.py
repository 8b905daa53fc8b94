"""From what `predict_batch` returned to one outcome per input: JSON text, or why there is none.

JSON has no NaN and no infinity, so such an output fails its item and no other. Text that is JSON already is passed on
as the value it spells, as the original did; other text becomes a JSON string.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from clipper.container.failures import summary
from clipper.wire.batches import ItemFailure, Outcome

_SEQUENCES = (list, np.ndarray, Sequence)
_NOT_OUTPUTS = (str, bytes, bytearray, dict, set, frozenset)
_LITERALS = frozenset({"true", "false", "null"})
_FIRST_OF_JSON = frozenset('{["-0123456789 \t\r\n')


def encode_outputs(outputs: Any, size: int) -> list[Outcome]:
    """One outcome for each of `size` inputs. All of them fail, alike, if `outputs` is not a sequence of `size`.

    What the model's own objects raise while they are read (a lazy generator) is raised.
    """
    if hasattr(outputs, "__array__"):
        outputs = np.asarray(outputs)
    if isinstance(outputs, np.ndarray) and outputs.ndim == 0:
        outputs = outputs[()]
    if isinstance(outputs, _NOT_OUTPUTS) or not isinstance(outputs, Iterable):
        return _all_failed(f"predict_batch returned {_type_name(outputs)}, expected a sequence of {size} outputs", size)
    if not isinstance(outputs, _SEQUENCES):
        outputs = list(islice(outputs, size + 1))
    if len(outputs) != size:
        return _all_failed(f"predict_batch returned {len(outputs)} outputs, expected {size}: one for each input", size)
    return _encode_array(outputs) if isinstance(outputs, np.ndarray) else _encode_sequence(outputs)


def encode_output(output: Any) -> Outcome:
    """One output as JSON text."""
    try:
        return _encode(output)
    except (TypeError, ValueError, RecursionError) as error:
        return ItemFailure(f"The output is not JSON: {summary(error)}")


def _encode_array(outputs: NDArray[Any]) -> list[Outcome]:
    if outputs.dtype.kind == "f" and outputs.dtype.itemsize > 8:
        outputs = outputs.astype(np.float64)
    if outputs.dtype.kind in "fiu" and outputs.ndim <= 2:
        text = _numbers_to_json(outputs.tolist())
        if _NOT_FINITE not in text:
            if outputs.ndim == 1:
                return [*text[1:-1].split(b",")]
            return [b"[" + row + b"]" for row in text[2:-2].split(b"],[")]
    return _encode_sequence(outputs.tolist())


def _encode_sequence(outputs: Sequence[Any]) -> list[Outcome]:
    """Sequences whose elements are of one type are frequent, and encoded at once; the rest one by one."""
    types = set(map(type, outputs))
    kind = types.pop() if len(types) == 1 else object
    if kind is str:
        known = {text: encode_output(text) for text in set(outputs)}  # labels repeat
        return [known[text] for text in outputs]
    if kind is float or (kind is int and max(map(int.bit_length, outputs)) < 64):
        text = _numbers_to_json(list(outputs))
        if _NOT_FINITE not in text:
            return [*text[1:-1].split(b",")]
    if issubclass(kind, np.integer | np.floating):
        return _encode_array(np.array(outputs))
    return [encode_output(each) for each in outputs]


def _encode(output: Any) -> bytes:
    match output:
        case bool():
            return b"true" if output else b"false"
        case str():
            return _encode_text(output)
        case int():
            return b"%d" % output
        case float():
            if not isfinite(output):
                raise ValueError(f"{float(output)!r} has no JSON form")
            return float.__repr__(output).encode()
        case bytes():
            return _encode_text(_as_text(output))
        case np.generic():
            return _encode(_plain(output))
        case _:
            return _to_json(output).encode()


def _encode_text(text: str) -> bytes:
    if text[:1] in _FIRST_OF_JSON or text in _LITERALS:
        try:
            _from_json(text)
        except (ValueError, RecursionError):
            pass
        else:
            return text.encode()
    return encode_basestring(text).encode()


def _plain(value: Any) -> Any:
    """What JSON can hold of a value that `json` does not know."""
    if isinstance(value, np.longdouble):
        return float(value)
    if isinstance(value, np.generic) and not isinstance(value.item(), np.generic):
        return value.item()
    if isinstance(value, bytes | bytearray | memoryview):
        return _as_text(bytes(value))
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        return np.asarray(value).tolist()
    raise TypeError(f"{_type_name(value)} is not a number, string, list, dict or array: convert it in predict_batch")


def _as_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def _refuse(literal: str) -> float:
    raise ValueError(f"{literal} has no JSON form")


def _finite(text: str) -> float:
    value = float(text)
    return value if isfinite(value) else _refuse(text)


_numbers_to_json = msgspec.json.Encoder().encode
_NOT_FINITE = b"null"  # is what it writes for NaN and the infinities, and for no other number
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode
_from_json = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode


def _all_failed(message: str, size: int) -> list[Outcome]:
    return [ItemFailure(message)] * size


def _type_name(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__qualname__}"
