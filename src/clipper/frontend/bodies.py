"""Bodies of `/{app}/predict` and `/{app}/update` to inputs in canonical form.

A flat list of numbers that is as it should be takes a fast path: one typed decode, one pack. Many numbers take another,
without Python objects (`number_bodies.py`). Everything else (few numbers in nested lists, base64, whatever is wrong) is
decoded again as plain JSON and goes through `core.json_inputs`, whose messages say what was expected.
"""

import sys
from collections.abc import Callable
from math import prod
from struct import Struct
from struct import error as StructError
from typing import Any, Final, NamedTuple

import msgspec

from clipper.core.errors import invalid
from clipper.core.inputs import DType, Input, InputType
from clipper.core.json_inputs import input_from_json
from clipper.frontend import schemas
from clipper.frontend.number_bodies import MIN_BODY_BYTES, NumberBody, NumberBodyParser

PREDICT_SCHEMA = (
    '{"input": <value>}, {"input_batch": [<value>, ...]} or {"items": [<value>, ...], "k": integer}, '
    'optionally "version": string, "context": string; '
    "<value> is {value}"
)
UPDATE_SCHEMA = (
    '{"query_id": integer or "input": <value>, "label": any or "reward": number from 0 to 1}, optionally '
    '"context": string, "idempotency_key": string; or {"update_batch": [<such an object>, ...]}; <value> is {value}'
)
_VALUES = {
    InputType.BYTES: "a base64 string",
    InputType.INTEGERS: "a list of 32-bit integers, or nested lists of one length",
    InputType.FLOATS: "a list of numbers, or nested lists of one length",
    InputType.DOUBLES: "a list of numbers, or nested lists of one length",
    InputType.STRINGS: "a string",
}

MAX_CONTEXT_BYTES: Final = 128
"""A user or session id; it becomes part of a store key."""

MAX_ITEMS: Final = 1000
"""To be ranked in one request: ten milliseconds in which no other query gets its turn."""

MAX_IDEMPOTENCY_KEY_BYTES: Final = 128
"""What names one feedback however often it is sent; a UUID has 36."""


class PredictBody(NamedTuple):
    """What a predict request asks that is more than a single input; with `k`: which `k` of the inputs are the best."""

    inputs: list[Input]
    is_batch: bool
    version: str | None = None
    context: str | None = None
    k: int | None = None


class UpdateBody(NamedTuple):
    """What a feedback says, a label (a JSON text) or a reward: about an earlier query, or about an input."""

    query_id: int | None
    input: Input | None
    context: str | None
    label: bytes | None
    reward: float | None = None
    idempotency_key: str | None = None


_FAST = {
    InputType.DOUBLES: (schemas.decode_list_of_doubles, schemas.decode_doubles, "d"),
    InputType.FLOATS: (schemas.decode_list_of_doubles, schemas.decode_doubles, "f"),
    InputType.INTEGERS: (schemas.decode_list_of_integers, schemas.decode_integers, "i"),
}
_BEFORE_LIST: Final = b'{"input":'
_AFTER_LIST: Final = b"}"
_FAST_UPDATES = {
    InputType.DOUBLES: schemas.decode_update_doubles,
    InputType.FLOATS: schemas.decode_update_doubles,
    InputType.INTEGERS: schemas.decode_update_integers,
}

_MAX_REMEMBERED_LENGTHS: Final = 1024


class BodyDecoder:
    """Decodes the bodies of one application's requests. Every method raises INVALID_ARGUMENT."""

    def __init__(self, input_type: InputType, max_batch: int) -> None:
        self._input_type = input_type
        self._dtype = input_type.dtype
        self._max_batch = max_batch
        self._fast: Callable[[bytes], Any] | None
        self._fast_list: Callable[[bytes], Any] | None
        self._fast_list, self._fast, self._letter = _FAST.get(input_type, (None, None, ""))
        self._fast_update: Callable[[bytes], Any] | None = _FAST_UPDATES.get(input_type)
        self._packers: dict[int, tuple[tuple[int], Any]] = {}
        self._min_numbers_bytes = MIN_BODY_BYTES.get(self._dtype, sys.maxsize)
        self._numbers = NumberBodyParser(self._dtype) if self._dtype in MIN_BODY_BYTES else None

    def predict(self, body: bytes) -> Input | PredictBody:
        """What a JSON body asks; just the input if it is one and nothing else is said."""
        if len(body) >= self._min_numbers_bytes:
            assert self._numbers is not None
            numbers = self._numbers.parse(body)
            if numbers is not None:
                return self._many_numbers(numbers)
        try:
            if self._fast_list is not None and body.startswith(_BEFORE_LIST) and body.endswith(b"]}"):
                return self._input_of(self._fast_list(body[len(_BEFORE_LIST) : -len(_AFTER_LIST)]))
        except (msgspec.MsgspecError, StructError, OverflowError, ValueError):
            pass  # there is more than one list, or it is not as it should be
        try:
            if self._fast is not None:
                request = self._fast(body)
                asked = self._input_of(request.input)
            elif self._input_type is InputType.STRINGS:
                request = schemas.decode_text(body)
                payload = request.input.encode()
                asked = Input(DType.STRING, (len(payload),), payload)
            else:
                return self._predict_slowly(body)
        except (msgspec.MsgspecError, StructError, OverflowError, ValueError):
            return self._predict_slowly(body)
        if request.version is None and request.context is None:
            return asked
        if request.context is not None:
            _check_context(request.context)
        return PredictBody([asked], False, request.version, request.context)

    def tensor(self, body: bytes, parameters: dict[str, str]) -> PredictBody:
        """The inputs of a raw binary body; `dtype`, `shape` and `batch` come with the request's head."""
        dtype = self._tensor_dtype(parameters.get("dtype"), "shape" in parameters)
        count = _positive(parameters, "batch", 1)
        if not body:
            raise invalid("Invalid body: it is empty; expected the elements of at least one input")
        if count > self._max_batch:
            raise invalid(f"Invalid batch: {count} inputs exceed the limit of {self._max_batch} in one request")
        shape = _shape(parameters.get("shape"), len(body) // count // dtype.item_size)
        size = prod(shape) * dtype.item_size
        if size * count != len(body):
            raise invalid(
                f"Invalid body: {count} input(s) of shape {list(shape)} and dtype {dtype.name.lower()} need "
                f"{size * count} bytes; got {len(body)}"
            )
        inputs = [Input(dtype, shape, body[at : at + size]) for at in range(0, len(body), size)]
        if not dtype.is_numeric:
            _check_opaque(dtype, inputs)
        context = parameters.get("context")
        if context is not None:
            _check_context(context)
        return PredictBody(inputs, "batch" in parameters, parameters.get("version"), context)

    def update(self, body: bytes) -> UpdateBody:
        """One feedback."""
        request, asked = self._update_about(body)
        label = None if request.label is msgspec.UNSET or request.label is None else request.label
        if label is None and request.reward is None:
            raise invalid("Missing field 'label', the true output of the query, or 'reward', from 0 to 1")
        if label is not None and request.reward is not None:
            raise invalid("Expected one of the fields 'label' and 'reward', not both")
        if request.reward is not None and not 0.0 <= request.reward <= 1.0:
            raise invalid(f"Invalid reward {request.reward}: expected a number from 0 to 1")
        if (request.query_id is None) == (request.input is msgspec.UNSET):
            raise invalid("Expected either 'query_id' (an integer) or 'input' (the input that this is about)")
        context = request.context if request.uid is None else str(request.uid)
        if context is not None:
            _check_context(context)
        key = request.idempotency_key
        if key is not None and not 0 < len(key.encode(errors="replace")) <= MAX_IDEMPOTENCY_KEY_BYTES:
            raise invalid(f"Invalid idempotency_key: expected 1 to {MAX_IDEMPOTENCY_KEY_BYTES} bytes of text")
        encoded = None if label is None else msgspec.json.encode(label)
        return UpdateBody(request.query_id, asked, context, encoded, request.reward, key)

    def update_batch(self, body: bytes) -> list[bytes] | None:
        """The bodies of several feedbacks, for `update`; None if it is not a batch."""
        if not body[:64].lstrip(b"{ \t\r\n").startswith(b'"update_batch"'):
            return None
        batch = self._decoded(schemas.decode_update_batch, body, UPDATE_SCHEMA).update_batch
        if not batch:
            raise invalid("Invalid update_batch: expected a list of at least one feedback")
        if len(batch) > self._max_batch:
            raise invalid(f"Invalid update_batch: {len(batch)} feedbacks exceed the limit of {self._max_batch}")
        return [bytes(each) for each in batch]

    def _update_about(self, body: bytes) -> tuple[Any, Input | None]:
        """The fields of a feedback, and the input that it is about, if it says one."""
        if self._fast_update is not None:
            try:
                request = self._fast_update(body)
                values = request.input
                if values is msgspec.UNSET:
                    return request, None
                return request, self._input_of(values)
            except (msgspec.MsgspecError, StructError, OverflowError, ValueError, RecursionError):
                pass  # the slow path says what is wrong, if anything is
        request = self._decoded(schemas.decode_update, body, UPDATE_SCHEMA)
        if request.input is msgspec.UNSET:
            return request, None
        return request, input_from_json(request.input, self._input_type)

    def _many_numbers(self, numbers: NumberBody) -> Input | PredictBody:
        shape, payload, is_batch, version, context = numbers
        if context is not None:
            _check_context(context)
        if is_batch:
            _check_size("input_batch", shape[0], self._max_batch)
            size = len(payload) // shape[0]
            rows = [payload[at : at + size] for at in range(0, len(payload), size)]
            return PredictBody([Input(self._dtype, shape[1:], row) for row in rows], True, version, context)
        asked = Input(self._dtype, shape, payload)
        return asked if version is None and context is None else PredictBody([asked], False, version, context)

    def _input_of(self, values: list[Any]) -> Input:
        """Raises StructError or OverflowError for a number out of range, ValueError for an empty list."""
        packer = self._packers.get(len(values))
        shape, pack = self._packer(len(values)) if packer is None else packer
        return Input(self._dtype, shape, pack(*values))

    def _packer(self, length: int) -> tuple[tuple[int], Any]:
        if not length:
            raise ValueError("an empty list: the slow path says so")
        if len(self._packers) >= _MAX_REMEMBERED_LENGTHS:
            self._packers.clear()
        packer = self._packers[length] = ((length,), Struct(f"<{length}{self._letter}").pack)
        return packer

    def _predict_slowly(self, body: bytes) -> PredictBody:
        request = self._decoded(schemas.decode_predict, body, PREDICT_SCHEMA)
        if request.context is not None:
            _check_context(request.context)
        given = (request.input, request.input_batch, request.items)
        if given.count(msgspec.UNSET) != len(given) - 1:
            raise invalid("Expected exactly one of the fields 'input', 'input_batch' and 'items'")
        if (request.items is msgspec.UNSET) != (request.k is None):
            raise invalid("Expected the fields 'items' and 'k' together: which inputs to rank, and how many to name")
        if request.k is not None:
            inputs = self._items(request.items, request.k)
            return PredictBody(inputs, True, request.version, request.context, request.k)
        if request.input_batch is msgspec.UNSET:
            asked = input_from_json(request.input, self._input_type)
            return PredictBody([asked], False, request.version, request.context)
        inputs = self._several(request.input_batch, "input_batch", self._max_batch)
        return PredictBody(inputs, True, request.version, request.context)

    def _items(self, items: Any, k: int) -> list[Input]:
        if k < 1:
            raise invalid(f"Invalid k {k}: expected how many of the items to name, at least 1")
        return self._several(items, "items", MAX_ITEMS)

    def _several(self, values: Any, field: str, limit: int) -> list[Input]:
        if not isinstance(values, list) or not values:
            raise invalid(f"Invalid {field}: expected a list of at least one input")
        _check_size(field, len(values), limit)
        return [input_from_json(each, self._input_type, f"{field}[{at}]") for at, each in enumerate(values)]

    def _decoded(self, decode: Any, body: bytes, schema: str) -> Any:
        expected = f"Expected JSON schema: {schema.replace('{value}', _VALUES[self._input_type])}"
        try:
            return decode(body)
        except msgspec.ValidationError as error:
            raise invalid(f"{error}. {expected}") from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise invalid(f"Error parsing JSON: {error}. {expected}") from None

    def _tensor_dtype(self, name: str | None, has_shape: bool) -> DType:
        if self._dtype is DType.BYTES and (name == "uint8" or (name is None and has_shape)):
            return DType.UINT8
        if name is None or name == self._dtype.name.lower():
            return self._dtype
        expected = "uint8" if self._dtype is DType.BYTES else self._dtype.name.lower()
        raise invalid(f"Invalid dtype {name[:40]!r}: input_type {self._input_type} expects {expected}")


def _check_size(field: str, size: int, limit: int) -> None:
    if size > limit:
        raise invalid(f"Invalid {field}: {size} inputs exceed the limit of {limit}")


def _check_context(context: str) -> None:
    if not context or len(context.encode(errors="replace")) > MAX_CONTEXT_BYTES:
        raise invalid(f"Invalid context: expected 1 to {MAX_CONTEXT_BYTES} bytes of text, such as a user's id")


def _check_opaque(dtype: DType, inputs: list[Input]) -> None:
    """What a container could not take apart would cost its batch-mates their answers."""
    shape = inputs[0].shape
    if len(shape) > 1:
        raise invalid(
            f"Invalid shape {list(shape)}: an input of dtype {dtype.name.lower()} has one dimension, its length"
            + ("; a tensor of bytes has dtype uint8" if dtype is DType.BYTES else "")
        )
    if dtype is DType.STRING:
        try:
            for each in inputs:
                each.payload.decode()
        except UnicodeDecodeError as error:
            raise invalid(f"Invalid body: expected text that is valid UTF-8: {error}") from None


def _shape(text: str | None, elements: int) -> tuple[int, ...]:
    if text is None:
        return (elements,)
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = ()
    if not 1 <= len(shape) <= 8 or any(not 0 < length < 2**31 for length in shape):
        raise invalid(f"Invalid shape {text[:80]!r}: expected 1 to 8 positive integers such as 224,224,3")
    return shape


def _positive(parameters: dict[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not (text.isdecimal() and len(text) < 11 and 0 < int(text) < 2**31):
        raise invalid(f"Invalid {name} {text[:40]!r}: expected a positive integer")
    return int(text)
