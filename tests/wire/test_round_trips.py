"""Whatever one end sends, the other receives, however the bytes are cut on the way."""

from hypothesis import given
from hypothesis import strategies as st

from clipper.core.inputs import Input, InputType
from clipper.wire.batches import ItemFailure, Outcome, ResultBatch
from clipper.wire.frames import HEADER_SIZE, FrameReader, MessageType, encode_frame
from clipper.wire.handshake import Welcome, container_half, dialer_half
from clipper.wire.session import Event, PredictReceived, ResultReceived, Role, Session, State
from tests.wire.arrays import TOKEN, batches, canonical, inputs_of, outcomes


def linked() -> tuple[Session, Session]:
    dialer, container = Session(Role.DIALER), Session(Role.CONTAINER)
    container.receive(dialer.send_hello(dialer_half(TOKEN), "frontend-0"))
    dialer.receive(container.send_welcome(Welcome(1, container_half(TOKEN), "m", "1", InputType.BYTES)))
    assert dialer.state is container.state is State.READY
    return dialer, container


def receive_in_pieces(session: Session, stream: bytes, cuts: list[int]) -> list[Event]:
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    pieces = [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return [event for piece in pieces for event in session.receive(piece)]


@given(inputs=batches(), batch_id=st.integers(0, 2**64 - 1))
def test_inputs_arrive_as_they_were_sent(inputs: list[Input], batch_id: int) -> None:
    dialer, container = linked()
    (event,) = container.receive(dialer.send_predict(batch_id, inputs))
    assert isinstance(event, PredictReceived)
    assert event.batch_id == batch_id
    assert canonical(inputs_of(event.batch)) == canonical(inputs)


@given(inputs=batches(), batch_id=st.integers(0, 2**64 - 1), offset=st.integers(0, 9).map(lambda count: 8 * count))
def test_inputs_in_an_arena_arrive_as_they_lie_there(inputs: list[Input], batch_id: int, offset: int) -> None:
    dialer, container = linked()
    container.arena = memoryview(bytes(offset) + b"".join(each.payload for each in inputs))
    (event,) = container.receive(dialer.send_predict_in_arena(batch_id, inputs, offset))
    assert isinstance(event, PredictReceived)
    assert event.batch_id == batch_id
    assert canonical(inputs_of(event.batch)) == canonical(inputs)


@given(inputs=batches())
def test_parts_of_a_batch_are_the_batch(inputs: list[Input]) -> None:
    dialer, _ = linked()
    assert b"".join(dialer.send_predict_parts(1, inputs)) == dialer.send_predict(1, inputs)


@given(inputs=batches())
def test_rows_of_numbers_are_aligned_for_an_array(inputs: list[Input]) -> None:
    dialer, _ = linked()
    frame = dialer.send_predict(1, inputs)
    rows = sum(len(each.payload) for each in inputs)
    assert (len(frame) - HEADER_SIZE - rows) % 8 == 0


@given(sent=outcomes, compute_ns=st.integers(0, 2**64 - 1))
def test_outcomes_arrive_as_they_were_sent(sent: list[Outcome], compute_ns: int) -> None:
    dialer, container = linked()
    assert dialer.receive(container.send_result(5, sent, compute_ns)) == [
        ResultReceived(5, ResultBatch(sent, compute_ns))
    ]


def test_failure_message_with_a_lone_surrogate_still_travels() -> None:
    dialer, container = linked()
    (event,) = dialer.receive(container.send_result(5, [ItemFailure("bad \ud800 text")], 1))
    assert isinstance(event, ResultReceived)
    assert event.result.outcomes == [ItemFailure("bad ? text")]


@given(sent=st.lists(batches(), max_size=4), cuts=st.lists(st.integers(0, 2000), max_size=20))
def test_a_stream_may_be_cut_anywhere(sent: list[list[Input]], cuts: list[int]) -> None:
    dialer, container = linked()
    stream = b"".join(dialer.send_predict(number, inputs) for number, inputs in enumerate(sent))
    events = receive_in_pieces(container, stream, cuts)
    assert [event.batch_id for event in events if isinstance(event, PredictReceived)] == list(range(len(sent)))
    received = [inputs_of(event.batch) for event in events if isinstance(event, PredictReceived)]
    assert [canonical(each) for each in received] == [canonical(each) for each in sent]
    assert container.pending_bytes == 0


@given(bodies=st.lists(st.binary(max_size=50), min_size=1), cut=st.integers(0, 500))
def test_reader_holds_only_the_incomplete_frame(bodies: list[bytes], cut: int) -> None:
    stream = b"".join(encode_frame(MessageType.PREDICT, number, body) for number, body in enumerate(bodies))
    reader = FrameReader()
    first, second = reader.feed(stream[:cut]), reader.feed(stream[cut:])
    assert [frame.body for frame in first + second] == bodies
    assert reader.pending_bytes == 0
