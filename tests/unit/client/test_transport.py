"""Whatever a server answers, or does not, becomes a value or a `ClipperError` that says what to do."""

import socket
import traceback
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest

from clipper.client.transport import CODE_OF_STATUS, Transport, error_from, to_json
from clipper.core.errors import ClipperError, ErrorCode
from tests.unit.client.fake import Answer, FakePlane


@pytest.fixture
def transport(admin: FakePlane) -> Iterator[Transport]:
    transport = Transport(admin.url, "controller", "secret")
    yield transport
    transport.close()


def failure(transport: Transport, timeout_s: float = 5.0) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        transport.post("/x", {}, timeout_s)
    return caught.value


def test_json_answer_is_its_value_and_text_is_text(transport: Transport, admin: FakePlane) -> None:
    admin.says("/json", {"a": 1})
    admin.answers["/text"] = Answer(b"Successfully added", content_type="text/plain")
    assert transport.post("/json", {}) == {"a": 1}
    assert transport.get("/text") == "Successfully added"


def test_token_goes_with_every_request(transport: Transport, admin: FakePlane) -> None:
    admin.says("/x", 1)
    transport.post("/x", {"b": 2})
    assert admin.last.headers["authorization"] == "Bearer secret"
    assert admin.last.headers["content-type"] == "application/json"
    assert admin.last.json == {"b": 2}


def test_error_with_a_code_keeps_it(transport: Transport, admin: FakePlane) -> None:
    admin.says("/x", {"error": "model_failed", "cause": "it broke", "detail": "Traceback"}, 400)
    error = failure(transport)
    assert (error.code, error.message, error.detail) == (ErrorCode.MODEL_FAILED, "it broke", "Traceback")
    assert "".join(traceback.format_exception_only(error)).endswith("it broke\nTraceback\n")


def test_error_with_a_title_takes_the_code_of_the_status(transport: Transport, admin: FakePlane) -> None:
    admin.says("/x", {"error": "Json error", "cause": "Missing field 'label'"}, 400)
    error = failure(transport)
    assert (error.code, error.message) == (ErrorCode.INVALID_ARGUMENT, "Missing field 'label'")


@pytest.mark.parametrize(
    ("status", "code"), [*CODE_OF_STATUS.items(), (500, ErrorCode.INTERNAL), (301, ErrorCode.INTERNAL)]
)
def test_error_in_text_takes_the_code_of_the_status(
    transport: Transport, admin: FakePlane, status: int, code: ErrorCode
) -> None:
    admin.answers["/x"] = Answer(b"application 'x' already exists", status, "text/plain")
    error = failure(transport)
    assert (error.code, error.message) == (code, "application 'x' already exists")


def test_error_in_text_takes_the_code_of_the_header_and_its_traceback_follows() -> None:
    error = error_from(400, b"it broke\nTraceback\n  line", "model_failed")
    assert (error.code, error.message, error.detail) == (ErrorCode.MODEL_FAILED, "it broke", "Traceback\n  line")


def test_error_without_a_body_names_the_status() -> None:
    assert "status 502" in error_from(502, b"").message


@pytest.mark.parametrize("body", [b"[1]", b'"text"', b'{"cause": null}', b"\xff\xfe", b'{"error": 3, "cause": 4}'])
def test_odd_error_bodies_are_no_trap(body: bytes) -> None:
    assert error_from(400, body).code is ErrorCode.INVALID_ARGUMENT


def test_answer_that_is_not_the_json_it_claims_is_a_protocol_error(transport: Transport, admin: FakePlane) -> None:
    admin.answers["/x"] = Answer(b"{", 200)
    assert failure(transport).code is ErrorCode.PROTOCOL


def test_refused_connection_says_what_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    error = failure(Transport(address, "controller"))
    assert error.code is ErrorCode.UNAVAILABLE
    assert f"Cannot reach the controller at {address}" in error.message
    assert "`clipper serve`" in error.message


def test_silent_server_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport = Transport(f"http://127.0.0.1:{silent.getsockname()[1]}", "controller")
        error = failure(transport, timeout_s=0.05)
        transport.close()
    assert error.code is ErrorCode.TIMEOUT
    assert "within 0.05 s" in error.message


def test_broken_connection_is_not_tried_again() -> None:
    accepted = []

    def hang_up(server: socket.socket) -> None:
        connection, _ = server.accept()
        accepted.append(connection.recv(65536))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=hang_up, args=(server,))
        thread.start()
        transport = Transport(f"http://127.0.0.1:{server.getsockname()[1]}", "controller")
        error = failure(transport)
        thread.join()
        transport.close()
    assert error.code is ErrorCode.UNAVAILABLE
    assert "broke" in error.message
    assert len(accepted) == 1


@pytest.mark.parametrize("address", ["http://[::1", "http://a b", "ftp://x", "nonsense"])
def test_address_that_is_none_is_an_error_of_the_caller(address: str) -> None:
    error = failure(Transport(address, "controller"))
    assert error.code in (ErrorCode.INVALID_ARGUMENT, ErrorCode.UNAVAILABLE)
    assert "controller" in error.message


def test_missing_address_says_where_to_give_it() -> None:
    assert "name it in connect()" in failure(Transport(None, "controller")).message


def test_json_carries_bytes_and_numpy_values() -> None:
    value = {"b": b"\x00\xff", "i": np.int32(3), "f": np.float32(0.5), "a": np.arange(4).reshape(2, 2), "t": (1, 2)}
    assert to_json(value) == b'{"b":"AP8=","i":3,"f":0.5,"a":[[0,1],[2,3]],"t":[1,2]}'


@pytest.mark.parametrize(
    "value",
    [float("nan"), [1, [float("inf")]], {"a": (float("-inf"),)}, [np.float32("nan")], np.array([1.0, np.nan])],
)
def test_what_is_no_number_is_named(value: object) -> None:
    with pytest.raises(ClipperError, match="is not a number that JSON has"):
        to_json(value)


def test_null_is_sent() -> None:
    assert to_json([None, "null", 1.5]) == b'[null,"null",1.5]'


@pytest.mark.parametrize("value", [object(), {"a": {1: object()}}, "\ud800"])
def test_what_json_cannot_carry_is_an_error_of_the_caller(value: object) -> None:
    with pytest.raises(ClipperError) as caught:
        to_json(value)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
