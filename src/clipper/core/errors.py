"""The one error of the domain: a code, whether a retry can help, and a message for a person.

The domain knows no HTTP: each edge (query REST, admin REST, CLI) maps every code once, in a table of its own.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, for programs. The message says it for people."""

    INVALID_ARGUMENT = "invalid_argument"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    CONFLICT = "conflict"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    TOO_LARGE = "too_large"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    MODEL_FAILED = "model_failed"
    STORE_FULL = "store_full"
    STORE_FAILED = "store_failed"
    STORE_BUSY = "store_busy"
    INTERNAL = "internal"


RETRYABLE = frozenset(
    {
        ErrorCode.OVERLOADED,
        ErrorCode.UNAVAILABLE,
        ErrorCode.TIMEOUT,
        ErrorCode.STORE_BUSY,
        ErrorCode.STORE_FULL,
        ErrorCode.STORE_FAILED,
    }
)


class ClipperError(Exception):
    """An expected failure.

    Attributes:
        code: what went wrong, for programs.
        message: names the field or object, what was expected, and the next step.
        detail: longer material for a person, such as a container's traceback; may be empty.
    """

    def __init__(self, code: ErrorCode, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    @property
    def retryable(self) -> bool:
        """Whether the same call can succeed later without being changed."""
        return self.code in RETRYABLE


def invalid(message: str) -> ClipperError:
    """The caller's argument is wrong; `message` names it and says what was expected."""
    return ClipperError(ErrorCode.INVALID_ARGUMENT, message)
