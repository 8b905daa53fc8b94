import json
import math
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.container.batches.outputs import encode_output, encode_outputs
from clipper.wire.batches import ItemFailure


class Colour(IntEnum):
    RED = 1


class Series:
    """Something of a library we do not know, that NumPy can read."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray[Any, Any]:
        return np.array([1, 2])


def values_of(outputs: object, size: int) -> list[object]:
    """The JSON values of outputs that are all fine."""
    outcomes = encode_outputs(outputs, size)
    assert all(isinstance(each, bytes) for each in outcomes), outcomes
    return [json.loads(each) for each in outcomes if isinstance(each, bytes)]


def failure_of(outputs: object, size: int) -> str:
    """The one message with which every item fails."""
    outcomes = encode_outputs(outputs, size)
    assert len(outcomes) == size
    assert all(isinstance(each, ItemFailure) for each in outcomes), outcomes
    (message,) = {each.message for each in outcomes if isinstance(each, ItemFailure)}
    return message


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (np.array([1, -2], np.int64), [1, -2]),
        (np.array([1, 255], np.uint8), [1, 255]),
        (np.array([2**64 - 1, 0], np.uint64), [2**64 - 1, 0]),
        (np.array([0.5, 1e300]), [0.5, 1e300]),
        (np.array([0.5, 2.0], np.float32), [0.5, 2.0]),
        (np.array([0.5, 2.0], np.float16), [0.5, 2.0]),
        (np.array([0.5, 2.0], np.longdouble), [0.5, 2.0]),
        (np.array([True, False]), [True, False]),
        (np.array(["cat", "7"]), ["cat", 7]),
        (np.array([b"cat", b"7"]), ["cat", 7]),
        (np.array(["cat", 1, None, {"a": 1}], object)[:2], ["cat", 1]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([[0.5, 2.0], [3.0, 4.0]]), [[0.5, 2.0], [3.0, 4.0]]),
        (np.ones((2, 1, 2)), [[[1.0, 1.0]], [[1.0, 1.0]]]),
        (np.ones((2, 0)), [[], []]),
        ([1, 2.5], [1, 2.5]),
        ((True, None), [True, None]),
        ([10**30, 1], [10**30, 1]),
        ([np.float64(0.5), np.float32(2)], [0.5, 2.0]),
        ([np.int64(1), np.int64(2)], [1, 2]),
        ([np.float64(1), np.float64(2)], [1.0, 2.0]),
        ([np.longdouble(1), np.longdouble(2)], [1.0, 2.0]),
        ([np.bool_(True), np.str_("a")], [True, "a"]),
        ([np.array([1, 2]), np.array([[3]])], [[1, 2], [[3]]]),
        ([np.array(1), np.array(2.5)], [1, 2.5]),
        ([{"label": np.str_("a"), "score": np.float32(0.5)}, [b"x", {"y": np.arange(2)}]],
         [{"label": "a", "score": 0.5}, ["x", {"y": [0, 1]}]]),
        ([Colour.RED, 2], [1, 2]),
        ([b"abc", b"\xff\xfe"], ["abc", "//4="]),
        (range(2), [0, 1]),
        ((each for each in "ab"), ["a", "b"]),
        ({"a": 1, "b": 2}.values(), [1, 2]),
        (Series(), [1, 2]),
    ],
)  # fmt: skip
def test_outputs_become_json(outputs: object, expected: list[object]) -> None:
    assert values_of(outputs, 2) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cat", "cat"),
        ("", ""),
        ("7", 7),
        ("-0.5e3", -500.0),
        ("true", True),
        ("null", None),
        ("truck", "truck"),
        ('{"a": [1]}', {"a": [1]}),
        (' [1]\n', [1]),
        ('"quoted"', "quoted"),
        ('"open', '"open'),
        ("[1,", "[1,"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[NaN]", "[NaN]"),
        ("1e999", "1e999"),
        ("1" * 5000, "1" * 5000),
        ("[" * 100_000, "[" * 100_000),
        ("1 2", "1 2"),
        ("007", "007"),
        ("tab\t\"quote\" \\ \x00 \x7f é ☃ 𝄞", "tab\t\"quote\" \\ \x00 \x7f é ☃ 𝄞"),
    ],
)  # fmt: skip
def test_text_that_is_json_is_its_value_and_other_text_a_string(text: str, value: object) -> None:
    for outputs in ([text], [np.str_(text)], np.array([text], object), [text.encode()]):
        (found,) = values_of(outputs, 1)
        assert found == value
        assert type(found) is type(value)


def test_huge_integer_that_is_no_text_fails_its_item_only() -> None:
    first, second = encode_outputs([10**5000, 1], 2)
    assert isinstance(first, ItemFailure)
    assert "not JSON" in first.message
    assert second == b"1"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "make", [list, np.array, lambda each: np.array(each, np.float32), lambda each: [np.float64(v) for v in each]]
)
def test_output_that_json_lacks_fails_its_item_only(bad: float, make: Any) -> None:
    first, second, third = encode_outputs(make([1.5, bad, 2.5]), 3)
    assert (first, third) == (b"1.5", b"2.5")
    assert isinstance(second, ItemFailure)
    assert second.message.startswith("The output is not JSON: ")
    assert repr(bad) in second.message


def test_row_with_nan_fails_its_item_only() -> None:
    first, second = encode_outputs(np.array([[1.0, math.nan], [1.0, 2.0]]), 2)
    assert isinstance(first, ItemFailure)
    assert second == b"[1.0,2.0]"


@pytest.mark.parametrize(
    "bad", [object(), {1, 2}, 1j, np.complex128(1j), {(1, 2): 3}, "\ud800", {"a": {"b": object()}}]
)
def test_output_without_json_form_fails_its_item_only(bad: object) -> None:
    outcome = encode_outputs([bad, 1], 2)
    assert isinstance(outcome[0], ItemFailure)
    assert outcome[0].message.startswith("The output is not JSON: ")
    assert outcome[1] == b"1"


def test_arrays_of_complex_numbers_fail() -> None:
    assert "complex" in failure_of(np.array([1j, 1j]), 2)
    assert "clongdouble" in failure_of([np.clongdouble(1j)] * 2, 2)


def test_output_that_holds_itself_fails() -> None:
    ring: list[object] = []
    ring.append(ring)
    assert isinstance(encode_output(ring), ItemFailure)


def test_output_nested_too_deep_fails() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    outcome = encode_output(deep)
    while deep:  # unwound by hand: the interpreter's own way down would be as deep
        deep = deep.pop()  # type: ignore[assignment]
    assert isinstance(outcome, ItemFailure)
    assert "RecursionError" in outcome.message


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([1, 2], "predict_batch returned 2 outputs, expected 3: one for each input"),
        ([1, 2, 3, 4], "returned 4 outputs, expected 3"),
        ([], "returned 0 outputs, expected 3"),
        (np.arange(2), "returned 2 outputs, expected 3"),
        (np.ones((1, 3)), "returned 1 outputs, expected 3"),
        (iter([1]), "returned 1 outputs, expected 3"),
        (None, "predict_batch returned None, expected a sequence of 3 outputs"),
        (7, "returned a int, expected a sequence of 3"),
        ("abc", "returned a str, expected"),
        (b"abc", "returned a bytes, expected"),
        ({"a": 1, "b": 2, "c": 3}, "returned a dict, expected"),
        ({1, 2, 3}, "returned a set, expected"),
        (np.float64(1), "returned a float64, expected"),
        (np.array(1), "returned a int64, expected"),
    ],
)
def test_what_is_not_one_output_for_each_input_fails_them_all(outputs: object, says: str) -> None:
    assert says in failure_of(outputs, 3)


def test_endless_generator_is_not_read_to_its_end() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    assert "expected 3" in failure_of(endless(), 3)


def test_generator_that_fails_raises_its_own_error() -> None:
    with pytest.raises(ZeroDivisionError):
        encode_outputs((1 / each for each in (1, 0)), 2)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_any_json_value_comes_back(outputs: list[object]) -> None:
    assert values_of(outputs, len(outputs)) == outputs


@given(st.lists(st.text(), min_size=1))
def test_any_text_comes_back_as_itself_or_as_what_it_spells(outputs: list[str]) -> None:
    for text, value in zip(outputs, values_of(outputs, len(outputs)), strict=True):
        assert value == text or json.loads(text) == value
