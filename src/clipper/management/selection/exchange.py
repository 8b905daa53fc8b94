"""States as lines of JSON, to take out of one application and bring into the same or another one.

The first line says by which policy they were learned, each later one is the state of a context (null: of all). Bytes,
which JSON does not have, are `{"$bytes": base64}`.
"""

from base64 import b64decode, b64encode
from typing import Any

import msgspec

from clipper.core.errors import invalid
from clipper.registry.entities import Application
from clipper.selection.policy import State

FORMAT = 1

BYTES = "$bytes"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line.

    Attributes:
        format: of the lines.
        application, models: where they come from, for people.
        policy, policy_config: what they were learned by.
    """

    format: int
    application: str
    policy: str
    policy_config: dict[str, Any]
    models: tuple[str, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was learned of one context, or of all."""

    context: str | None
    state: dict[str, Any]


def write_head(application: Application) -> bytes:
    """The first line."""
    head = Head(
        format=FORMAT,
        application=application.name,
        policy=application.policy,
        policy_config=application.policy_config,
        models=application.models,
    )
    return msgspec.json.encode(head) + b"\n"


def write_state(context: str | None, state: State) -> bytes:
    """One line of a state."""
    return msgspec.json.encode({"context": context, "state": _for_json(state)}) + b"\n"


def read_head(line: bytes) -> Head:
    """What the first line says. Raises INVALID_ARGUMENT."""
    try:
        head = msgspec.json.decode(line, type=Head)
    except msgspec.DecodeError as error:
        raise invalid(f"These are no exported states: line 1: {error}") from None
    if head.format != FORMAT:
        raise invalid(f"States of format {head.format} cannot be read: expected format {FORMAT}")
    return head


def read_state(line: bytes, number: int) -> tuple[str | None, State]:
    """Context and state of one line. Raises INVALID_ARGUMENT naming the line."""
    try:
        read = msgspec.json.decode(line, type=Line)
        return read.context, _from_json(read.state)
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid(f"Invalid state in line {number}: {error}") from None


def _for_json(value: Any) -> Any:
    match value:
        case bytes():
            return {BYTES: b64encode(value).decode()}
        case dict():
            return {key: _for_json(each) for key, each in value.items()}
        case list() | tuple():
            return [_for_json(each) for each in value]
    return value


def _from_json(value: Any) -> Any:
    match value:
        case {"$bytes": str(text), **others} if not others:
            return b64decode(text, validate=True)
        case dict():
            return {key: _from_json(each) for key, each in value.items()}
        case list():
            return [_from_json(each) for each in value]
    return value
