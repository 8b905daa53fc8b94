"""The protocol is what `golden_vectors.toml` says: in both directions, byte by byte."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from clipper import wire
from clipper.container.conformance.golden import GOLDEN_BATCHES, golden
from clipper.core.inputs import DType, Input, InputType
from clipper.wire.batches import ItemFailure, ResultBatch
from clipper.wire.frames import MessageType
from clipper.wire.handshake import Hello, Reject, Welcome, container_half, dialer_half
from clipper.wire.session import (
    Event,
    GoodbyeReceived,
    PingReceived,
    PongReceived,
    PredictReceived,
    ResultReceived,
    Role,
    Session,
)
from tests.wire.arrays import TOKEN, canonical, inputs_of

VECTORS = tomllib.loads(Path(wire.__file__).with_name("golden_vectors.toml").read_text(encoding="utf-8"))

IMAGE_BYTES = 224 * 224 * 3
WELCOME = Welcome(1, container_half(TOKEN), "digits", "3", InputType.DOUBLES)


def linked() -> tuple[Session, Session]:
    """A dialer and a container after the handshake."""
    dialer, container = Session(Role.DIALER), Session(Role.CONTAINER)
    container.receive(dialer.send_hello(dialer_half(TOKEN), "frontend-0"))
    dialer.receive(container.send_welcome(WELCOME))
    return dialer, container


def only(events: list[Event]) -> Event:
    (event,) = events
    return event


def test_handshake_is_golden() -> None:
    dialer, container = Session(Role.DIALER), Session(Role.CONTAINER)
    assert dialer.send_hello(dialer_half(TOKEN), "frontend-0") == golden("hello")
    assert container.receive(golden("hello")) == [Hello(1, dialer_half(TOKEN), "frontend-0")]
    assert container.send_welcome(WELCOME) == golden("welcome")
    assert dialer.receive(golden("welcome")) == [WELCOME]


def test_handshake_with_an_arena_is_golden() -> None:
    dialer, container = Session(Role.DIALER), Session(Role.CONTAINER)
    assert dialer.send_hello(dialer_half(TOKEN), "frontend-0", 32 << 20) == golden("hello_arena")
    assert container.receive(golden("hello_arena")) == [Hello(1, dialer_half(TOKEN), "frontend-0", 32 << 20)]
    welcome = replace(WELCOME, arena=True)
    assert container.send_welcome(welcome) == golden("welcome_arena")
    assert dialer.receive(golden("welcome_arena")) == [welcome]


def test_refusal_is_golden() -> None:
    dialer, container = Session(Role.DIALER), Session(Role.CONTAINER)
    container.receive(dialer.send_hello("wrong", "frontend-0"))
    assert container.send_reject(Reject("token", "no")) == golden("reject")
    assert dialer.receive(golden("reject")) == [Reject("token", "no")]


@pytest.mark.parametrize("name", GOLDEN_BATCHES)
def test_batch_of_inputs_is_golden(name: str) -> None:
    batch_id, inputs = GOLDEN_BATCHES[name]
    dialer, container = linked()
    assert dialer.send_predict(batch_id, inputs).hex() == golden(name).hex()
    event = only(container.receive(golden(name)))
    assert isinstance(event, PredictReceived)
    assert event.batch_id == batch_id
    assert canonical(inputs_of(event.batch)) == canonical(inputs)


def test_batch_in_an_arena_is_golden() -> None:
    dialer, container = linked()
    rows = [bytes([number] * IMAGE_BYTES) for number in (1, 2)]
    images = [Input(DType.UINT8, (224, 224, 3), row) for row in rows]
    container.arena = memoryview(bytes(4096) + b"".join(rows))
    assert dialer.send_predict_in_arena(13, images, 4096).hex() == golden("predict_in_arena").hex()
    event = only(container.receive(golden("predict_in_arena")))
    assert isinstance(event, PredictReceived)
    assert canonical(inputs_of(event.batch)) == canonical(images)


def test_result_is_golden() -> None:
    dialer, container = linked()
    result = ResultBatch([b"1.5", ItemFailure("ValueError: no"), b'"cat"'], 1234567)
    assert container.send_result(7, result.outcomes, result.compute_ns).hex() == golden("result").hex()
    assert dialer.receive(golden("result")) == [ResultReceived(7, result)]


def test_probes_and_goodbye_are_golden() -> None:
    dialer, container = linked()
    assert dialer.send_ping(99) == golden("ping")
    assert container.receive(golden("ping")) == [PingReceived(99)]
    assert container.send_pong(99) == golden("pong")
    assert dialer.receive(golden("pong")) == [PongReceived(99)]
    assert container.send_goodbye() == golden("goodbye")
    assert dialer.receive(golden("goodbye")) == [GoodbyeReceived()]


def test_every_message_has_a_vector() -> None:
    assert {golden(name)[4] for name in VECTORS} == set(MessageType)
