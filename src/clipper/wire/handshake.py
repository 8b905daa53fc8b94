"""The messages that open a link: HELLO from the peer that dials, WELCOME or REJECT from the container.

Bodies are JSON, since they are rare and a person may have to read them. The token has two halves: the dialer proves
itself with the first, the container with the second, so neither can learn the other's half from a stranger.
"""

import hmac
import json
from dataclasses import asdict, dataclass
from typing import Any

from clipper.core.errors import ClipperError
from clipper.core.inputs import InputType, parse_input_type
from clipper.wire.errors import RemoteProtocolError

MAX_HANDSHAKE_BYTES = 64 * 1024
"""Names and a token fit in one kilobyte; a REJECT may carry a message."""

TOKEN_LENGTH = 64
"""Hexadecimal digits: 128 bits for each side."""


MAX_ARENA_BYTES = 1024 * 1024 * 1024
"""Address space that a container lends to one peer."""


@dataclass(frozen=True)
class Hello:
    """Who dials, and its half of the token.

    Attributes:
        arena: the size in bytes of the memory whose descriptor came with this message; 0 if none did.
    """

    protocol: int
    token: str
    peer: str
    arena: int = 0


@dataclass(frozen=True)
class Welcome:
    """What this container serves, and its half of the token.

    Attributes:
        arena: whether it has mapped the memory that it was offered, so that rows of inputs may lie there.
    """

    protocol: int
    token: str
    model: str
    version: str
    input_type: InputType
    arena: bool = False


@dataclass(frozen=True)
class Reject:
    """Why the container will not talk: code `protocol` or `token`, and a message for a person."""

    code: str
    message: str


def dialer_half(token: str) -> str:
    """The half that proves a dialer."""
    return token[: TOKEN_LENGTH // 2]


def container_half(token: str) -> str:
    """The half that proves a container."""
    return token[TOKEN_LENGTH // 2 :]


def same_token(given: str, expected: str) -> bool:
    """Compare without telling by the time taken how much of it was right."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def encode_handshake(message: Hello | Welcome | Reject) -> bytes:
    """The JSON body of a handshake message. What is optional and not there is not mentioned."""
    fields = asdict(message)
    if not fields.get("arena", True):
        del fields["arena"]
    return json.dumps(fields).encode()


def decode_hello(body: bytes) -> Hello:
    """Raises RemoteProtocolError naming the field that is missing or of the wrong type."""
    fields = _object(body, "HELLO")
    arena = _integer(fields, "arena") if "arena" in fields else 0
    if not 0 <= arena <= MAX_ARENA_BYTES:
        raise RemoteProtocolError(f"Field 'arena' of the handshake must be 0 to {MAX_ARENA_BYTES}")
    return Hello(_integer(fields, "protocol"), _text(fields, "token"), _text(fields, "peer"), arena)


def decode_welcome(body: bytes) -> Welcome:
    """Raises RemoteProtocolError naming the field that is missing or of the wrong type."""
    fields = _object(body, "WELCOME")
    return Welcome(
        _integer(fields, "protocol"),
        _text(fields, "token"),
        _text(fields, "model"),
        _text(fields, "version"),
        _input_type(fields),
        arena=_truth(fields, "arena"),
    )


def decode_reject(body: bytes) -> Reject:
    """Raises RemoteProtocolError naming the field that is missing or of the wrong type."""
    fields = _object(body, "REJECT")
    return Reject(_text(fields, "code"), _text(fields, "message"))


def _object(body: bytes, message: str) -> dict[str, Any]:
    if len(body) > MAX_HANDSHAKE_BYTES:
        raise RemoteProtocolError(f"A {message} of {len(body)} bytes exceeds the limit of {MAX_HANDSHAKE_BYTES}")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"A {message} body is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RemoteProtocolError(f"A {message} body must be a JSON object")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise RemoteProtocolError(f"Field {name!r} of the handshake must be a string")
    return value


def _integer(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RemoteProtocolError(f"Field {name!r} of the handshake must be an integer")
    return value


def _truth(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise RemoteProtocolError(f"Field {name!r} of the handshake must be true or false")
    return value


def _input_type(fields: dict[str, Any]) -> InputType:
    try:
        return parse_input_type(_text(fields, "input_type"))
    except ClipperError as error:
        raise RemoteProtocolError(error.message) from None
