"""The first exchange on a connection: who may talk, and what is answered to who may not."""

import json
from collections.abc import Mapping

from clipper.container.commands.link import Closed, Link
from clipper.container.conformance.check import Check
from clipper.container.conformance.golden import GOLDEN_TOKEN, golden
from clipper.container.conformance.subject import MODEL, VERSION, Subject
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.frames import HEADER, MessageType, encode_frame
from clipper.wire.handshake import (
    MAX_HANDSHAKE_BYTES,
    Welcome,
    container_half,
    decode_reject,
    decode_welcome,
    dialer_half,
)


def right_token_is_welcomed(subject: Subject) -> None:
    """The right token is welcomed, with the other half of it and the model's name and version."""
    with subject.dial() as link:
        _check_welcome(link.greet(subject.token), subject.token)


def golden_hello_is_understood(subject: Subject) -> None:
    """The golden HELLOs are understood."""
    with subject.start(token=GOLDEN_TOKEN) as started:
        for name in ("hello", "hello_arena"):
            with started.dial() as link:
                link.send(golden(name))
                _check_welcome(decode_welcome(link.expect(MessageType.WELCOME)), GOLDEN_TOKEN)


def unknown_fields_are_ignored(subject: Subject) -> None:
    """Fields of any order, unknown ones, escapes."""
    with subject.dial() as link:
        strange = {"a": [1, None, True, -1.5e3, {"b": '\\"}'}], "token": "x"}
        fields = {"later": strange, "peer": 'é"\\\n😀', "protocol": 1, "token": dialer_half(subject.token), "": ""}
        link.send_frame(MessageType.HELLO, body=json.dumps(fields, indent=1).encode())
        _check_welcome(decode_welcome(link.expect(MessageType.WELCOME)), subject.token)


def hello_may_come_in_pieces(subject: Subject) -> None:
    """A HELLO that comes byte by byte."""
    with subject.dial() as link:
        for byte in _hello(_fields(subject)):
            link.send(bytes([byte]))
        link.expect(MessageType.WELCOME)


def wrong_token_is_refused(subject: Subject) -> None:
    """A wrong token is refused (REJECT token, closed)."""
    right = dialer_half(subject.token)
    for wrong in ("0" * 32, "", right[:-1], right + "0", container_half(subject.token), subject.token):
        _check_refusal(subject, {**_fields(subject), "token": wrong}, "token")


def other_version_is_refused(subject: Subject) -> None:
    """Another version is refused (REJECT protocol, closed)."""
    for version in (0, 2):
        _check_refusal(subject, {**_fields(subject), "protocol": version}, "protocol")


def what_is_no_hello_is_cut_off(subject: Subject) -> None:
    """A HELLO that is not JSON, or lacks a field, or has one of another type: closed."""
    fields = _fields(subject)
    bodies = [b"", b"\xff\xfe", b"[]", b"null", b"{", b"[" * 60_000, json.dumps(fields).encode() + b"}"]
    for name in fields:
        bodies.append(json.dumps({key: value for key, value in fields.items() if key != name}).encode())
        bodies.append(json.dumps({**fields, name: [1]}).encode())
    for body in bodies:
        with subject.dial() as link:
            link.send_frame(MessageType.HELLO, body=body)
            require_closed(link, f"after a HELLO with the body {body[:80]!r}", may_refuse=True)


def nothing_but_hello_comes_first(subject: Subject) -> None:
    """Any other message before HELLO: closed."""
    for kind in MessageType:
        if kind is not MessageType.HELLO:
            with subject.dial() as link:
                link.send_frame(kind)
                require_closed(link, f"after a {kind.name} before the handshake")


def stranger_cannot_announce_much(subject: Subject) -> None:
    """A HELLO over 65,536 bytes: closed at its header."""
    with subject.dial() as link:
        link.send(HEADER.pack(MAX_HANDSHAKE_BYTES + 1, MessageType.HELLO, 0, 0, 0))
        require_closed(link, "after the header of a HELLO of 65,537 bytes")


def require_closed(link: Link, when: str, *, may_refuse: bool = False) -> None:
    """Raises RemoteProtocolError unless the container closes the connection, and says nothing before."""
    try:
        frame = link.receive()
        if may_refuse and frame.type is MessageType.REJECT:
            frame = link.receive()
    except Closed:
        return
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"The connection should be closed {when}: {error.message}") from None
    raise RemoteProtocolError(f"The connection should be closed {when}; a {frame.type.name} came")


def _check_welcome(welcome: Welcome, token: str) -> None:
    for name, got, expected in (
        ("protocol", welcome.protocol, 1),
        ("token", welcome.token, container_half(token)),
        ("model", welcome.model, MODEL),
        ("version", welcome.version, VERSION),
    ):
        if got != expected:
            raise RemoteProtocolError(f"Field {name!r} of WELCOME is {got!r}, expected {expected!r}")


def _check_refusal(subject: Subject, fields: Mapping[str, object], code: str) -> None:
    with subject.dial() as link:
        link.send(_hello(fields))
        reject = decode_reject(link.expect(MessageType.REJECT))
        if reject.code != code or not reject.message:
            raise RemoteProtocolError(f"Expected a REJECT with code {code!r} and a message, got {reject}")
        require_closed(link, "after REJECT")


def _fields(subject: Subject) -> dict[str, object]:
    return {"protocol": 1, "token": dialer_half(subject.token), "peer": "conformance"}


def _hello(fields: Mapping[str, object]) -> bytes:
    return encode_frame(MessageType.HELLO, 0, json.dumps(fields).encode())


CHECKS: tuple[Check, ...] = (
    right_token_is_welcomed,
    golden_hello_is_understood,
    unknown_fields_are_ignored,
    hello_may_come_in_pieces,
    wrong_token_is_refused,
    other_version_is_refused,
    what_is_no_hello_is_cut_off,
    nothing_but_hello_comes_first,
    stranger_cannot_announce_much,
)
