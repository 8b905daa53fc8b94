import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import DType, Input, InputType
from clipper.core.json_inputs import MAX_JSON_DIMENSIONS, input_from_json
from clipper.wire.batches import MAX_DIMENSIONS

FORMAT = {InputType.INTEGERS: "i", InputType.FLOATS: "f", InputType.DOUBLES: "d"}

NUMERIC = list(FORMAT)


def numbers_in(each: Input, input_type: InputType) -> list[float]:
    count = math.prod(each.shape)
    return list(struct.unpack(f"<{count}{FORMAT[input_type]}", each.payload))


def nested(depth: int, value: object = 1) -> object:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("input_type", NUMERIC)
def test_flat_list_is_a_vector(input_type: InputType) -> None:
    found = input_from_json([1, 2, -3], input_type)
    assert found.dtype is input_type.dtype
    assert found.shape == (3,)
    assert numbers_in(found, input_type) == [1, 2, -3]


@pytest.mark.parametrize("input_type", NUMERIC)
def test_nested_list_is_a_shape(input_type: InputType) -> None:
    found = input_from_json([[[1], [2]], [[3], [4]], [[5], [6]]], input_type)
    assert found.shape == (3, 2, 1)
    assert numbers_in(found, input_type) == [1, 2, 3, 4, 5, 6]


def test_integers_and_floats_mix_where_floats_are_expected() -> None:
    assert numbers_in(input_from_json([1, 0.5], InputType.DOUBLES), InputType.DOUBLES) == [1.0, 0.5]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_finite_double_is_kept_exactly(values: list[float]) -> None:
    assert numbers_in(input_from_json(json.loads(json.dumps(values)), InputType.DOUBLES), InputType.DOUBLES) == values


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1))
def test_every_32_bit_integer_is_kept(values: list[int]) -> None:
    assert numbers_in(input_from_json(values, InputType.INTEGERS), InputType.INTEGERS) == values


def test_doubles_whose_sum_overflows_are_all_right() -> None:
    assert input_from_json([1.7e308, 1.7e308], InputType.DOUBLES).shape == (2,)


@pytest.mark.parametrize("text", ["", "hello", "naïve ☃ 𝄞", "\0"])
def test_text_is_utf8(text: str) -> None:
    found = input_from_json(text, InputType.STRINGS)
    assert (found.dtype, found.payload.decode(), found.shape) == (DType.STRING, text, (len(text.encode()),))


@pytest.mark.parametrize(("text", "payload"), [("", b""), ("AAEC", b"\0\1\2"), ("/+8=", b"\xff\xef")])
def test_bytes_are_base64(text: str, payload: bytes) -> None:
    found = input_from_json(text, InputType.BYTES)
    assert (found.dtype, found.payload, found.shape) == (DType.BYTES, payload, (len(payload),))


def test_nesting_is_as_deep_as_the_wire_carries() -> None:
    assert MAX_JSON_DIMENSIONS == MAX_DIMENSIONS
    assert input_from_json(nested(MAX_JSON_DIMENSIONS), InputType.DOUBLES).shape == (1,) * MAX_JSON_DIMENSIONS


@pytest.mark.parametrize(
    ("value", "input_type", "says"),
    [
        # not a list
        (None, InputType.DOUBLES, "expected a list of numbers, got null"),
        (1.5, InputType.FLOATS, "expected a list of numbers, got 1.5"),
        (True, InputType.INTEGERS, "expected a list of integers, got true"),
        ("1,2", InputType.DOUBLES, "expected a list of numbers, got the string '1,2'"),
        ({"a": 1}, InputType.DOUBLES, "expected a list of numbers, got an object"),
        # elements
        ([1, "2"], InputType.DOUBLES, "input[1] is the string '2'; expected a number"),
        ([1, "x" * 99], InputType.DOUBLES, "input[1] is a string starting 'xxxx"),
        ([1, None], InputType.DOUBLES, "input[1] is null; expected a number"),
        ([True], InputType.DOUBLES, "input[0] is true; expected a number"),
        ([[1, 2], [3, False]], InputType.INTEGERS, "input[1][1] is false; expected an integer"),
        ([1.5], InputType.INTEGERS, "input[0] is 1.5; expected an integer"),
        ([1, {}], InputType.DOUBLES, "input[1] is an object; expected a number"),
        ([1, [2]], InputType.DOUBLES, "input[1] is a list of 1; expected a number"),
        # ranges
        ([0, 2**31], InputType.INTEGERS, "input[1] is 2147483648; expected a 32-bit integer (-2147483648 to"),
        ([-(2**31) - 1], InputType.INTEGERS, "input[0] is -2147483649; expected a 32-bit integer"),
        ([10**400], InputType.INTEGERS, "input[0] is an integer of 1329 bits; expected a 32-bit integer"),
        ([0, 10**400], InputType.DOUBLES, "input[1] is an integer of 1329 bits; expected a finite number"),
        ([1e39], InputType.FLOATS, "input[0] is 1e+39; expected a finite number of at most 3.4e38"),
        ([1, math.nan], InputType.DOUBLES, "input[1] is nan; expected a finite number"),
        ([[0], [-math.inf]], InputType.FLOATS, "input[1][0] is -inf; expected a finite number"),
        ([math.inf, -math.inf], InputType.DOUBLES, "input[0] is inf"),
        # shapes
        ([], InputType.DOUBLES, "the list is empty, expected at least one number"),
        ([[], []], InputType.INTEGERS, "the list is empty, expected at least one integer"),
        ([[1, 2], [3]], InputType.DOUBLES, "input[1] has 1 elements but input[0] is a list of 2"),
        ([[1], 2], InputType.DOUBLES, "input[1] is 2 but input[0] is a list of 1"),
        ([[[1], [2]], [[3], [4, 5]]], InputType.DOUBLES, "input[1][1] has 2 elements but input[0][0] is a list of 1"),
        (nested(9), InputType.DOUBLES, "nested more than 8 deep"),
        (nested(100_000), InputType.DOUBLES, "nested more than 8 deep"),
        # texts and bytes
        (7, InputType.STRINGS, "expected a string, got 7"),
        (["a"], InputType.STRINGS, "expected a string, got a list of 1"),
        ("ab\ud800", InputType.STRINGS, "character 2 is half of a surrogate pair (\\ud800)"),
        ([1, 2], InputType.BYTES, "expected bytes as a base64 string, got a list of 2"),
        ("AAE", InputType.BYTES, "expected bytes as a base64 string"),
        ("AA EC", InputType.BYTES, "expected bytes as a base64 string"),
        ("AAEC\n", InputType.BYTES, "expected bytes as a base64 string"),
        ("____", InputType.BYTES, "expected bytes as a base64 string"),
        ("é", InputType.BYTES, "expected bytes as a base64 string"),
        ("\ud800", InputType.BYTES, "expected bytes as a base64 string"),
    ],
)
def test_wrong_value_is_named(value: object, input_type: InputType, says: str) -> None:
    with pytest.raises(ClipperError) as caught:
        input_from_json(value, input_type)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert caught.value.message.startswith("Invalid input: ")
    assert says in caught.value.message
    assert caught.value.message.isascii()


def test_message_names_the_field_it_was_given() -> None:
    with pytest.raises(ClipperError, match=r"Invalid input_batch\[3\]: input_batch\[3\]\[1\] is null"):
        input_from_json([1, None], InputType.DOUBLES, "input_batch[3]")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)


@given(value=JSON, input_type=st.sampled_from(InputType))
def test_any_json_is_an_input_or_an_error_that_says_why(value: object, input_type: InputType) -> None:
    try:
        found = input_from_json(value, input_type)
    except ClipperError as error:
        assert error.code is ErrorCode.INVALID_ARGUMENT
    else:
        assert len(found.payload) == math.prod(found.shape) * found.dtype.item_size
