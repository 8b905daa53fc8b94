"""Every error of the domain has an answer on both kinds of path."""

import json

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.admin.errors import STATUS, BodyTimeout, failure, original_failure, unexpected


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_status(code: ErrorCode) -> None:
    assert 400 <= STATUS[code] < 600


@pytest.mark.parametrize("code", ErrorCode)
def test_both_kinds_of_answer_name_the_code(code: ErrorCode) -> None:
    error = ClipperError(code, "why", "trace")
    for response in (failure(error), original_failure(error)):
        assert response.headers["clipper-error"] == code.value
        assert response.status_code >= 400


def test_our_paths_answer_fields() -> None:
    response = failure(ClipperError(ErrorCode.MODEL_FAILED, "why", "trace"))
    assert response.status_code == 422
    assert json.loads(bytes(response.body)) == {"error": "model_failed", "cause": "why", "detail": "trace"}


@pytest.mark.parametrize(
    "code", [ErrorCode.INVALID_ARGUMENT, ErrorCode.NOT_FOUND, ErrorCode.ALREADY_EXISTS, ErrorCode.CONFLICT]
)
def test_original_paths_answer_400_and_a_text_for_every_refusal(code: ErrorCode) -> None:
    response = original_failure(ClipperError(code, "application 'x' already exists"))
    assert response.status_code == 400
    assert response.body == b"application 'x' already exists"
    assert response.headers["content-type"].startswith("text/plain")


def test_original_paths_answer_what_the_original_had_no_word_for_with_its_own_status() -> None:
    assert original_failure(ClipperError(ErrorCode.STORE_FULL, "full")).status_code == 507
    assert original_failure(ClipperError(ErrorCode.UNAUTHENTICATED, "who?")).headers["www-authenticate"] == "Bearer"
    assert original_failure(ClipperError(ErrorCode.MODEL_FAILED, "why", "trace")).body == b"why\ntrace"


def test_slow_body_is_the_clients_time_out() -> None:
    assert failure(BodyTimeout("too slow")).status_code == 408
    assert failure(ClipperError(ErrorCode.TIMEOUT, "too slow")).status_code == 504


def test_our_own_failure_tells_nothing_of_its_inside() -> None:
    error = unexpected(RuntimeError("secret"))
    assert error.code is ErrorCode.INTERNAL
    assert "secret" not in error.message
