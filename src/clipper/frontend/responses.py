"""Answers as the bytes of HTTP/1.1 responses."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import msgspec

from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine.query import PendingQuery
from clipper.selection.policy import Ranked

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

STATUS_OF: dict[ErrorCode, HTTPStatus] = {
    ErrorCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
    ErrorCode.PROTOCOL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.MODEL_FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.STORE_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
    ErrorCode.STORE_FAILED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.STORE_BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_OK_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_QUERY_ID: Final = b'{"query_id":'
_PREDICTIONS: Final = [_OK_HEAD % length + _QUERY_ID for length in range(1024)]  # an index is cheaper than formatting
_OUTPUT: Final = b',"output":'
_ENDS: Final = [
    b',"default":false}',
    b',"default":false,"cache":"exact"}',
    b',"default":false,"cache":"approximate"}',
]
"""By `PendingQuery.cache`; what was combined has more to say before the last brace."""

_DIGITS: Final = 4
"""After the point, of confidence and weights: more would only be longer."""

_DEFAULT = b'{"query_id":%d,"output":%b,"default":true,"default_explanation":%b}'


def prediction(query: PendingQuery) -> bytes:
    """The whole response to a single query."""
    if query.explanation is None and query.answer is None:
        number, output, end = str(query.query_id).encode(), query.output, _ENDS[query.cache]
        length = len(_QUERY_ID) + len(number) + len(_OUTPUT) + len(output) + len(end)
        begin = _PREDICTIONS[length] if length < len(_PREDICTIONS) else _OK_HEAD % length + _QUERY_ID
        return b"".join([begin, number, _OUTPUT, output, end])  # in one go, which is faster than formatting
    body = prediction_body(query)
    return _OK_HEAD % len(body) + body


def prediction_body(query: PendingQuery) -> bytes:
    """The JSON object of one answered query."""
    if query.explanation is None:
        body = b"%b%d%b%b%b" % (_QUERY_ID, query.query_id, _OUTPUT, query.output, _ENDS[query.cache])
        answer = query.answer
        if answer is None or query.selection is None:
            return body
        return body[:-1] + _made_of(answer.confidence, query.selection.models, answer.weights, query.missing)
    return _DEFAULT % (query.query_id, query.output, msgspec.json.encode(query.explanation))


@lru_cache(maxsize=1024)
def _made_of(confidence: float, models: tuple[str, ...], weights: tuple[float, ...], missing: tuple[str, ...]) -> bytes:
    """The rest of the object for an answer that a policy has made: how sure it is, and of whom it consists."""
    said: dict[str, Any] = {"confidence": round(confidence, _DIGITS)}
    if weights:
        said["models"] = {m: round(share, _DIGITS) for m, share in zip(models, weights, strict=True) if share > 0.0}
    if missing:
        said["missing"] = missing
    return b"," + msgspec.json.encode(said)[1:]


def batch_predictions(queries: list[PendingQuery]) -> bytes:
    """The whole response to an `input_batch`, whatever its length."""
    body = b'{"batch_predictions":[%b]}' % b",".join(map(prediction_body, queries))
    return _OK_HEAD % len(body) + body


def top_k(queries: list[PendingQuery], ranking: list[Ranked], k: int) -> bytes:
    """The whole response to `items`: the `k` best of those that could be ranked, and what was missing."""
    best = [{"item": place, "score": score, "query_id": queries[place].query_id} for place, score in ranking[:k]]
    said: dict[str, Any] = {"top_k": best, "default": not ranking}
    if not ranking:
        said["default_explanation"] = queries[0].explanation
    ranked = {place for place, _ in ranking}
    unranked = [place for place in range(len(queries)) if place not in ranked]
    if unranked and ranking:
        said["unranked"] = unranked
    missing = {model for place in ranked for model in queries[place].missing}
    if missing:
        said["missing"] = sorted(missing)
    return json(said)


def text(body: bytes, content_type: bytes = b"text/plain; charset=utf-8", status: HTTPStatus = HTTPStatus.OK) -> bytes:
    """A whole response with a body of any type."""
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        status.phrase.encode(),
        content_type,
        len(body),
        body,
    )


def json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> bytes:
    """A whole response with a JSON body."""
    return text(msgspec.json.encode(value), b"application/json", status)


def problem(status: HTTPStatus, error: str, cause: str) -> bytes:
    """A whole response that says what was wrong, in the original's two fields."""
    return json({"error": error, "cause": cause}, status)


def wrong_method(method: bytes, allowed: bytes) -> bytes:
    """A whole response to a method that a path does not take, with the one that it does."""
    cause = f"{method.decode('latin-1')} is not possible here"
    response = problem(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", cause)
    return response.replace(b"\r\n", b"\r\nallow: %b\r\n" % allowed, 1)


def failure(error: ClipperError, kind: str) -> bytes:
    """A whole response for an expected failure; `kind` is the original's name of it."""
    return problem(STATUS_OF[error.code], kind, error.message)


def closing(response: bytes) -> bytes:
    """The same response, announcing that the connection closes after it."""
    return response.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
