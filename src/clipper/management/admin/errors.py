"""What each error of the domain is in HTTP, on the original's paths and on ours."""

import logging

from starlette.responses import JSONResponse, PlainTextResponse, Response

from clipper.core.errors import ClipperError, ErrorCode

CODE_HEADER = "clipper-error"
"""Carries the error code on every failure, so that a client need not read it out of a text."""

STATUS = {
    ErrorCode.INVALID_ARGUMENT: 400,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.ALREADY_EXISTS: 409,
    ErrorCode.CONFLICT: 409,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.OVERLOADED: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.PROTOCOL: 502,
    ErrorCode.MODEL_FAILED: 422,
    ErrorCode.STORE_FULL: 507,
    ErrorCode.STORE_FAILED: 503,
    ErrorCode.STORE_BUSY: 503,
    ErrorCode.INTERNAL: 500,
}

_REFUSALS = frozenset({ErrorCode.INVALID_ARGUMENT, ErrorCode.NOT_FOUND, ErrorCode.ALREADY_EXISTS, ErrorCode.CONFLICT})
"""What the original answers with 400, whatever it was that it refused."""

_log = logging.getLogger(__name__)


class BodyTimeout(ClipperError):
    """The body of a request came too slowly: the client's fault, unlike other time-outs."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TIMEOUT, message)


def original_failure(error: ClipperError) -> Response:
    """A failure as the original answers it: the message as text."""
    status = 400 if error.code in _REFUSALS else _status(error)
    text = f"{error.message}\n{error.detail}" if error.detail else error.message
    return PlainTextResponse(text, status, _headers(error))


def failure(error: ClipperError) -> Response:
    """A failure of one of our own paths: `{"error", "cause", "detail"}`."""
    return JSONResponse(as_fields(error), _status(error), _headers(error))


def as_fields(error: ClipperError) -> dict[str, str]:
    """A failure as the fields of a JSON object."""
    return {"error": error.code.value, "cause": error.message, "detail": error.detail}


def unexpected(error: Exception) -> ClipperError:
    """What to answer when our own code failed; the traceback goes to the log, not to the client."""
    _log.error("An admin request failed unexpectedly", exc_info=error)
    return ClipperError(ErrorCode.INTERNAL, "An unexpected error occurred! The controller's log has the traceback")


def _status(error: ClipperError) -> int:
    return 408 if isinstance(error, BodyTimeout) else STATUS[error.code]


def _headers(error: ClipperError) -> dict[str, str]:
    headers = {CODE_HEADER: error.code.value}
    if error.code is ErrorCode.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"
    return headers
