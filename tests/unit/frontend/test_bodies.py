"""JSON bodies: what is accepted arrives exactly, what is not is named."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import DType, Input, InputType
from clipper.frontend.bodies import MAX_ITEMS, BodyDecoder, PredictBody

INT32 = st.integers(-(2**31), 2**31 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
FLOAT64 = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**53), 2**53)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))

ELEMENTS: dict[InputType, st.SearchStrategy[Any]] = {
    InputType.INTEGERS: INT32,
    InputType.FLOATS: FLOAT32 | st.integers(-(2**24), 2**24),
    InputType.DOUBLES: FLOAT64 | WHOLE,
}
LETTER = {InputType.INTEGERS: "i", InputType.FLOATS: "f", InputType.DOUBLES: "d"}
JSON_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, st.lists)
ONE_OF = "Expected exactly one of the fields 'input', 'input_batch' and 'items'"

NUMERIC = st.sampled_from(list(ELEMENTS))


def decoder(input_type: InputType, max_batch: int = 100) -> BodyDecoder:
    return BodyDecoder(input_type, max_batch)


def asked(input_type: InputType, body: object) -> list[Input]:
    """The inputs of a body that is given as a value."""
    got = decoder(input_type).predict(json.dumps(body).encode())
    return [got] if isinstance(got, Input) else got.inputs


def whole(input_type: InputType, body: object) -> PredictBody:
    got = decoder(input_type).predict(json.dumps(body).encode())
    assert isinstance(got, PredictBody)
    return got


def refusal(input_type: InputType, body: bytes) -> str:
    with pytest.raises(ClipperError) as refused:
        decoder(input_type).predict(body)
    assert refused.value.code is ErrorCode.INVALID_ARGUMENT
    return refused.value.message


@given(NUMERIC, st.data())
def test_flat_list_arrives_as_its_little_endian_elements(input_type: InputType, data: st.DataObject) -> None:
    values = data.draw(st.lists(ELEMENTS[input_type], min_size=1, max_size=50))
    (got,) = asked(input_type, {"input": values})
    assert (got.dtype, got.shape) == (input_type.dtype, (len(values),))
    assert got.payload == struct.pack(f"<{len(values)}{LETTER[input_type]}", *values)


@given(NUMERIC, st.lists(st.integers(1, 3), min_size=2, max_size=5), st.data())
def test_nesting_is_the_shape(input_type: InputType, shape: list[int], data: st.DataObject) -> None:
    value: Any = data.draw(ELEMENTS[input_type])
    for length in reversed(shape):
        value = [value] * length
    (got,) = asked(input_type, {"input": value})
    assert got.shape == tuple(shape)
    assert len(got.payload) == got.dtype.item_size * len(json.dumps(value).replace("[", "").split(","))


@given(TEXT)
def test_text_arrives_as_utf8(text: str) -> None:
    (got,) = asked(InputType.STRINGS, {"input": text})
    assert (got.dtype, got.shape, got.payload) == (DType.STRING, (len(text.encode()),), text.encode())


@given(st.binary())
def test_bytes_arrive_decoded(content: bytes) -> None:
    (got,) = asked(InputType.BYTES, {"input": base64.b64encode(content).decode()})
    assert (got.dtype, got.shape, got.payload) == (DType.BYTES, (len(content),), content)


@given(NUMERIC, st.data())
def test_batch_gives_the_same_inputs_as_one_by_one(input_type: InputType, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(ELEMENTS[input_type], min_size=1, max_size=4), min_size=1, max_size=5))
    got = whole(input_type, {"input_batch": rows})
    single = [each for row in rows for each in asked(input_type, {"input": row})]
    assert got.is_batch
    assert [each.key for each in got.inputs] == [each.key for each in single]


@given(
    st.sampled_from(list(InputType)),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, st.lists),
)
def test_any_json_value_is_accepted_or_refused_but_raises_nothing_else(input_type: InputType, value: Any) -> None:
    body = json.dumps({"input": value}).encode()
    try:
        decoder(input_type).predict(body)
    except ClipperError as error:
        assert error.code is ErrorCode.INVALID_ARGUMENT


@given(st.sampled_from(list(InputType)), st.binary())
def test_any_bytes_are_refused_but_raise_nothing_else(input_type: InputType, body: bytes) -> None:
    assert "Expected JSON schema: {" in refusal(input_type, b"\x00" + body)


@given(st.sampled_from(list(InputType)), st.binary(max_size=12), st.integers(0, 30))
def test_damaged_body_raises_nothing_else(input_type: InputType, damage: bytes, at: int) -> None:
    body = bytearray(b'{"input": [1.5, 2], "version": "1"}')
    body[at : at + len(damage)] = damage
    try:
        decoder(input_type).predict(bytes(body))
    except ClipperError as error:
        assert error.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("input_type", list(InputType))
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Error parsing JSON: Input data was truncated. Expected JSON schema: {"),
        (b"[", "Expected JSON schema: {"),
        (b'{"input"', "Error parsing JSON: "),
        (b'{"input": "\xff"}', "Error parsing JSON: "),
        (b"\xff\xfe{\x00", "Error parsing JSON: "),
        (b'\xef\xbb\xbf{"input": [1]}', "Error parsing JSON: "),
        (b'{"input": [1]} {"input": [1]}', "trailing characters"),
        (b'{"input": ' + b"[" * 100_000, "Error parsing JSON: "),
        (b'{"input": NaN}', "Error parsing JSON: "),
        (b"null", "Expected `object`, got `null`"),
        (b"{}", ONE_OF),
        (b'{"input": [1], "input_batch": [[1]]}', ONE_OF),
        (b'{"input": [1], "items": [[1]], "k": 1}', ONE_OF),
        (b'{"items": [[1]]}', "Expected the fields 'items' and 'k' together"),
        (b'{"input_batch": [[1]], "k": 1}', "Expected the fields 'items' and 'k' together"),
        (b'{"items": [[1]], "k": 0}', "Invalid k 0: expected how many of the items to name, at least 1"),
        (b'{"items": [[1]], "k": 1.5}', "Expected `int | null`, got `float` - at `$.k`"),
        (b'{"items": [], "k": 1}', "Invalid items: expected a list of at least one input"),
        (b'{"items": [null], "k": 1}', "Invalid items[0]: expected "),
        (b'{"input": [1], "inputs": [1]}', "unknown field `inputs`"),
        (b'{"input": [1], "version": 2}', "Expected `str | null`, got `int` - at `$.version`"),
        (b'{"input": [1], "context": 7}', "at `$.context`"),
        (b'{"input": null}', "Invalid input: expected "),
        (b'{"input": {}}', "Invalid input: expected "),
        (b'{"input_batch": []}', "Invalid input_batch: expected a list of at least one input"),
        (b'{"input_batch": {}}', "Invalid input_batch: expected a list of at least one input"),
        (b'{"input_batch": "ab"}', "Invalid input_batch: expected a list of at least one input"),
        (b'{"input_batch": [null]}', "Invalid input_batch[0]: expected "),
    ],
)
def test_body_that_is_no_request_is_refused_whatever_the_type(input_type: InputType, body: bytes, message: str) -> None:
    assert message in refusal(input_type, body)


@pytest.mark.parametrize(
    ("input_type", "value", "message"),
    [
        ("doubles", "[1e999]", "out of range"),
        ("doubles", "[1" + "0" * 400 + "]", "input[0] is an integer of 1329 bits; expected a finite number"),
        ("doubles", "[" + "1" * 5000 + "]", "out of range"),
        ("doubles", "[1, true]", "input[1] is true; expected a number"),
        ("doubles", '[1, "2"]', "input[1] is the string '2'; expected a number"),
        ("doubles", "[]", "the list is empty"),
        ("doubles", "[[1, 2], [3]]", "input[1] has 1 elements but input[0] is a list of 2"),
        ("doubles", "[[1], 2]", "input[1] is 2 but input[0] is a list of 1"),
        ("doubles", "1.5", "expected a list of numbers, got 1.5"),
        ("doubles", "[" * 9 + "1" + "]" * 9, "nested more than 8 deep"),
        ("floats", "[3.5e38]", "input[0] is 3.5e+38; expected a finite number of at most 3.4e38"),
        ("floats", "[1, null]", "input[1] is null; expected a number"),
        ("integers", "[2147483648]", "input[0] is 2147483648; expected a 32-bit integer"),
        ("integers", "[0, -2147483649]", "input[1] is -2147483649; expected a 32-bit integer"),
        ("integers", "[1.0]", "input[0] is 1.0; expected an integer"),
        ("integers", "[1e2]", "input[0] is 100.0; expected an integer"),
        ("integers", "[" + "9" * 5000 + "]", "out of range"),
        ("strings", "1", "expected a string, got 1"),
        ("strings", '["a"]', "expected a string, got a list of 1"),
        ("strings", '"\\ud800"', "Error parsing JSON: "),
        ("strings", '"\\udc00\\ud800"', "Error parsing JSON: "),
        ("bytes", "[1]", "expected bytes as a base64 string, got a list of 1"),
        ("bytes", '"AAA"', "expected bytes as a base64 string: "),
        ("bytes", '"AA==AA=="', "expected bytes as a base64 string: "),
        ("bytes", '"é"', "expected bytes as a base64 string: "),
        ("bytes", '"AA AA=="', "expected bytes as a base64 string: "),
    ],
)
def test_wrong_value_is_named(input_type: str, value: str, message: str) -> None:
    assert message in refusal(InputType(input_type), b'{"input": %b}' % value.encode())


def test_schema_says_what_the_input_type_is() -> None:
    assert refusal(InputType.BYTES, b"x").endswith("<value> is a base64 string")
    assert refusal(InputType.STRINGS, b"x").endswith("<value> is a string")


def test_version_and_context_are_kept() -> None:
    for input_type, value in ((InputType.DOUBLES, [1.5]), (InputType.STRINGS, "a"), (InputType.BYTES, "AA==")):
        got = whole(input_type, {"input": value, "version": "2", "context": "ann"})
        assert (len(got.inputs), got.is_batch, got.version, got.context) == (1, False, "2", "ann")
        got = whole(input_type, {"input_batch": [value, value], "version": "2", "context": "ann"})
        assert (len(got.inputs), got.is_batch, got.version, got.context) == (2, True, "2", "ann")


@pytest.mark.parametrize("context", ["", "x" * 129, "é" * 65])
@pytest.mark.parametrize("field", ["input", "input_batch"])
def test_context_is_bounded(context: str, field: str) -> None:
    value = [1] if field == "input" else [[1]]
    body = json.dumps({field: value, "context": context}).encode()
    assert refusal(InputType.DOUBLES, body).startswith("Invalid context: expected 1 to 128 bytes")
    whole(InputType.DOUBLES, {field: value, "context": "é" * 64})


def test_batch_is_bounded() -> None:
    decode = decoder(InputType.DOUBLES, max_batch=3)
    with pytest.raises(ClipperError, match="Invalid input_batch: 4 inputs exceed the limit of 3"):
        decode.predict(json.dumps({"input_batch": [[1]] * 4}).encode())
    got = decode.predict(json.dumps({"input_batch": [[1]] * 3}).encode())
    assert isinstance(got, PredictBody)


def test_items_are_inputs_of_which_some_are_to_be_named() -> None:
    got = whole(InputType.DOUBLES, {"items": [[1, 2], [3, 4]], "k": 5, "context": "ann"})
    assert (got.k, got.context, got.version) == (5, "ann", None)
    assert [each.key for each in got.inputs] == [
        asked(InputType.DOUBLES, {"input": each})[0].key for each in ([1, 2], [3, 4])
    ]


def test_items_are_bounded() -> None:
    whole(InputType.DOUBLES, {"items": [[1]] * MAX_ITEMS, "k": 1})
    body = json.dumps({"items": [[1]] * (MAX_ITEMS + 1), "k": 1}).encode()
    assert f"Invalid items: {MAX_ITEMS + 1} inputs exceed the limit of {MAX_ITEMS}" in refusal(InputType.DOUBLES, body)


def test_element_of_a_batch_is_named() -> None:
    assert "Invalid input_batch[1]: input_batch[1][0] is true" in refusal(
        InputType.DOUBLES, b'{"input_batch": [[1], [true]]}'
    )


def test_many_lengths_are_all_right() -> None:
    decode = decoder(InputType.DOUBLES)
    for length in (*range(1, 1500), 1, 2):
        got = decode.predict(b'{"input": [%b]}' % b",".join([b"1"] * length))
        assert isinstance(got, Input)
        assert got.shape == (length,)
