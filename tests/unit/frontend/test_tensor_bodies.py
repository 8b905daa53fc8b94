"""Raw binary bodies: the elements as they are, what they mean beside them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import DType, InputType
from clipper.frontend.bodies import BodyDecoder, PredictBody
from clipper.frontend.config import FrontendConfig
from clipper.frontend.requests import RequestReader


def tensor(input_type: str, body: bytes, **parameters: str) -> PredictBody:
    return BodyDecoder(InputType(input_type), 10).tensor(body, parameters)


def refusal(input_type: str, body: bytes, **parameters: str) -> str:
    with pytest.raises(ClipperError) as refused:
        tensor(input_type, body, **parameters)
    assert refused.value.code is ErrorCode.INVALID_ARGUMENT
    return refused.value.message


@given(st.lists(st.floats(), min_size=1, max_size=30))
def test_elements_are_kept_bit_for_bit(values: list[float]) -> None:
    body = struct.pack(f"<{len(values)}d", *values)
    got = tensor("doubles", body)
    (only,) = got.inputs
    assert (only.dtype, only.shape, only.payload, got.is_batch) == (DType.FLOAT64, (len(values),), body, False)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.integers(1, 4))
def test_batch_is_cut_into_inputs_of_the_shape(shape: list[int], count: int) -> None:
    elements = 1
    for length in shape:
        elements *= length
    body = b"".join(struct.pack("<f", at) * elements for at in range(count))
    got = tensor("floats", body, dtype="float32", shape=",".join(map(str, shape)), batch=str(count))
    assert got.is_batch
    assert [(each.shape, each.payload) for each in got.inputs] == [
        (tuple(shape), struct.pack("<f", at) * elements) for at in range(count)
    ]


def test_json_and_raw_bytes_of_one_input_are_the_same_input() -> None:
    decoder = BodyDecoder(InputType.DOUBLES, 10)
    (raw,) = decoder.tensor(struct.pack("<4d", 1, 2, 3, 4), {"shape": "2,2"}).inputs
    from_json = decoder.predict(b'{"input": [[1, 2], [3, 4]], "version": "1"}')
    assert isinstance(from_json, PredictBody)
    assert raw.key == from_json.inputs[0].key


def test_image_is_a_tensor_of_uint8() -> None:
    for parameters in ({"shape": "2,3"}, {"dtype": "uint8", "shape": "2,3"}):
        (only,) = tensor("bytes", b"abcdef", **parameters).inputs
        assert (only.dtype, only.shape) == (DType.UINT8, (2, 3))
    (only,) = tensor("bytes", b"abcdef").inputs
    assert (only.dtype, only.shape) == (DType.BYTES, (6,))


def test_text_is_taken_as_it_is() -> None:
    (only,) = tensor("strings", "né".encode()).inputs
    assert (only.dtype, only.shape, only.payload) == (DType.STRING, (3,), "né".encode())


def test_version_and_context_come_as_parameters() -> None:
    got = tensor("bytes", b"ab", version="2", context="ann")
    assert (got.version, got.context) == ("2", "ann")


def test_parameters_may_come_as_headers() -> None:
    (request,) = RequestReader(FrontendConfig(), {}).feed(
        b"POST /a/predict HTTP/1.1\r\ncontent-type: application/octet-stream\r\nClipper-Dtype: uint8\r\n"
        b"clipper-shape: 1,2\r\nclipper-batch: 2\r\ncontent-length: 4\r\n\r\nabcd"
    )
    got = BodyDecoder(InputType.BYTES, 10).tensor(request.body, request.head.parameters)
    assert [(each.shape, each.payload) for each in got.inputs] == [((1, 2), b"ab"), ((1, 2), b"cd")]


@pytest.mark.parametrize(
    ("input_type", "body", "parameters", "message"),
    [
        ("doubles", b"", {}, "Invalid body: it is empty"),
        ("doubles", bytes(7), {}, "need 0 bytes; got 7"),
        ("doubles", bytes(12), {}, "1 input(s) of shape [1] and dtype float64 need 8 bytes; got 12"),
        ("doubles", bytes(16), {"shape": "3"}, "1 input(s) of shape [3] and dtype float64 need 24 bytes; got 16"),
        ("doubles", bytes(16), {"batch": "3"}, "got 16"),
        ("doubles", bytes(16), {"dtype": "float32"}, "Invalid dtype 'float32': input_type doubles expects float64"),
        ("doubles", bytes(16), {"dtype": "x" * 1000}, "input_type doubles expects float64"),
        ("bytes", bytes(16), {"dtype": "int32"}, "input_type bytes expects uint8"),
        ("doubles", bytes(16), {"shape": ""}, "Invalid shape ''"),
        ("doubles", bytes(16), {"shape": "2,x"}, "Invalid shape '2,x': expected 1 to 8 positive integers"),
        ("doubles", bytes(16), {"shape": "0"}, "Invalid shape '0'"),
        ("doubles", bytes(16), {"shape": "-1,-2"}, "Invalid shape"),
        ("doubles", bytes(16), {"shape": "1.5"}, "Invalid shape"),
        ("doubles", bytes(16), {"shape": ",".join(["1"] * 9)}, "Invalid shape"),
        ("doubles", bytes(16), {"shape": "9" * 5000}, "Invalid shape"),
        ("doubles", bytes(16), {"shape": "2147483647,2147483647,2147483647"}, "got 16"),
        ("doubles", bytes(16), {"batch": "0"}, "Invalid batch '0': expected a positive integer"),
        ("doubles", bytes(16), {"batch": "-1"}, "Invalid batch '-1'"),
        ("doubles", bytes(16), {"batch": "x"}, "Invalid batch 'x'"),
        ("doubles", bytes(16), {"batch": "9" * 5000}, "Invalid batch '999"),
        ("doubles", bytes(16), {"batch": "11"}, "Invalid batch: 11 inputs exceed the limit of 10"),
        ("doubles", bytes(16), {"context": "x" * 129}, "Invalid context"),
        ("strings", b"abcdef", {"shape": "2,3"}, "Invalid shape [2, 3]: an input of dtype string has one dimension"),
        ("bytes", b"abcdef", {"dtype": "bytes", "shape": "2,3"}, "a tensor of bytes has dtype uint8"),
        ("strings", b"ab\xff", {}, "Invalid body: expected text that is valid UTF-8"),
        ("strings", "né".encode(), {"batch": "3"}, "Invalid body: expected text that is valid UTF-8"),
    ],
)
def test_mismatch_is_named(input_type: str, body: bytes, parameters: dict[str, str], message: str) -> None:
    assert message in refusal(input_type, body, **parameters)
