"""The SIMD path gives what the slow path gives, or leaves the body to it."""

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clipper.core.errors import ClipperError
from clipper.core.inputs import DType, Input, InputType
from clipper.frontend.bodies import BodyDecoder, PredictBody
from clipper.frontend.number_bodies import MAX_KEPT_PARSER_BYTES, MIN_BODY_BYTES, NumberBodyParser

NUMERIC = [InputType.INTEGERS, InputType.FLOATS, InputType.DOUBLES]
EDGES = [
    0, -0.0, 1, 0.1, 2**24 + 1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53 + 1, 2**63, -(2**63), 2**64 - 1, 2**64,
    10**40, 5e-324, 1e-46, 3.4028234663852886e38, 3.4028235677973366e38, 3.4028236e38, -3.5e38, 1.7976931348623157e308,
]  # fmt: skip
NUMBERS = st.sampled_from(EDGES) | st.integers(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False)
LISTS = st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=4), max_leaves=20)
ODD: st.SearchStrategy[Any] = st.sampled_from([None, True, "1", {}, "[", "x[1]"])
VALUES = LISTS | st.lists(NUMBERS | ODD, max_size=6) | ODD
SPACES = st.sampled_from(["", " ", "\n\t", "\r"])


def outcome(body: bytes, input_type: InputType, simd: bool) -> tuple[Any, ...] | str:
    """Everything a caller sees of what a body asks, by way of the SIMD parser or without it."""
    decoder = BodyDecoder(input_type, max_batch=3)
    decoder._min_numbers_bytes = 0 if simd else len(body) + 1
    try:
        asked = decoder.predict(body)
    except ClipperError as error:
        return error.message
    if isinstance(asked, Input):
        asked = PredictBody([asked], is_batch=False)
    return (
        [(each.dtype, each.shape, each.payload) for each in asked.inputs],
        asked.is_batch,
        asked.version,
        asked.context,
    )


def numbers_of(text: str, input_type: InputType = InputType.DOUBLES) -> tuple[tuple[int, ...], bytes] | None:
    parsed = NumberBodyParser(input_type.dtype).parse(text.encode())
    return None if parsed is None else (parsed.shape, parsed.payload)


@pytest.mark.parametrize("input_type", NUMERIC)
@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "input": VALUES,
            "input_batch": st.lists(VALUES, max_size=4) | VALUES,
            "version": ODD,
            "context": ODD,
            "else": NUMBERS,
        },
    ),
    spaces=st.tuples(SPACES, SPACES),
)
@example(fields={"input": [[1, 2], [3, 4, 5, 6]]}, spaces=("", ""))
@example(fields={"input": [1, [2]]}, spaces=("", ""))
@example(fields={"input": [[[1], [2]], [[3, 4]]]}, spaces=("", ""))
@example(fields={"input_batch": [[1, 2], [3, 4]], "version": "3", "context": "u"}, spaces=(" ", " "))
@example(fields={"input_batch": [[1], [2], [3], [4]]}, spaces=("", ""))
def test_both_ways_see_the_same(input_type: InputType, fields: dict[str, Any], spaces: tuple[str, str]) -> None:
    separators = (spaces[0] + "," + spaces[1], spaces[1] + ":" + spaces[0])
    body = json.dumps(fields, separators=separators).encode()
    assert outcome(body, input_type, simd=True) == outcome(body, input_type, simd=False)


@pytest.mark.parametrize("input_type", NUMERIC)
@given(text=st.text('0123456789+-.eE[],{}:" \n\0\ufeffntruelfasinp', max_size=30))
@example(text='{"input": [-0, 1E5, 1e+05]}')
@example(text='{"input": [1], "input": [2]}')
@example(text='{"input": [01]}')
@example(text='{"input": [1.]}')
@example(text='{"input": [NaN]}')
@example(text='{"input": [1e400]}')
@example(text='{"input": [1]}x')
@example(text='\ufeff{"input": [1]}')
@example(text='{"\\u0069nput": [[1], [2]]}')
@example(text='{"input": [[1, 2]], "version": "\\u005b"}')
@example(text='{"input": ' + "[" * 8 + "1" + "]" * 8 + "}")
@example(text='{"input": ' + "[" * 9 + "1" + "]" * 9 + "}")
@example(text='{"input_batch": ' + "[" * 9 + "1" + "]" * 9 + "}")
@example(text='{"input": ' + "[" * 2000 + "]" * 2000 + "}")
def test_both_ways_read_the_same_text(input_type: InputType, text: str) -> None:
    body = text.encode()
    assert outcome(body, input_type, simd=True) == outcome(body, input_type, simd=False)


def test_numbers_of_any_nesting_take_the_fast_way() -> None:
    assert numbers_of('{"input": [1, 2.5]}') == ((2,), struct.pack("<2d", 1, 2.5))
    assert numbers_of('{"input": [[[1], [2]], [[3], [4]]]}') == ((2, 2, 1), struct.pack("<4d", 1, 2, 3, 4))
    assert numbers_of('{"input": [1, 2]}', InputType.INTEGERS) == ((2,), struct.pack("<2i", 1, 2))
    assert numbers_of('{"input_batch": [[0.1, 2]]}', InputType.FLOATS) == ((1, 2), struct.pack("<2f", 0.1, 2))


def test_what_is_not_plainly_right_is_left_to_the_slow_way() -> None:
    for text in ('{"input": [[1], [2, 3]]}', '{"input": [1, true]}', '{"input": []}', "[1]", "", '{"input": [1e999]}'):
        assert numbers_of(text) is None


def test_a_parser_can_go_on_after_anything() -> None:
    parser = NumberBodyParser(DType.FLOAT64)
    for body in (b'{"input": [1]}', b'{"input": [1', b'{"input": ["x"]}', b'{"input": [[1], [2, 3]]}', b'{"input": 1}'):
        parser.parse(body)
        parsed = parser.parse(b'{"input": [1, 2]}')
        assert parsed is not None
        assert parsed.shape == (2,)


@pytest.mark.parametrize("input_type", NUMERIC)
def test_an_image_of_any_size_arrives(input_type: InputType) -> None:
    rows = 224 if input_type is not InputType.DOUBLES else MAX_KEPT_PARSER_BYTES // 8000
    image = [[[at % 251, 7, channel] for channel in range(3)] for at in range(rows) for _ in range(224)]
    body = json.dumps({"input": image}).encode()
    assert len(body) > (MIN_BODY_BYTES[input_type.dtype] if rows == 224 else MAX_KEPT_PARSER_BYTES)
    assert outcome(body, input_type, simd=True) == outcome(body, input_type, simd=False)
