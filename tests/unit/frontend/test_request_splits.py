"""However a network cuts a sequence of requests into reads, the same requests come of it."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from clipper.frontend.config import FrontendConfig
from clipper.frontend.requests import Head, HttpError, RequestReader


@dataclass(frozen=True)
class Sent:
    """One request as bytes, and what it says."""

    wire: bytes
    segments: tuple[str, ...]
    body: bytes
    keep_alive: bool


NAMES = st.sampled_from(["a", "digits", "x1"])
EXTRA = st.sampled_from([b"", b"host: a\r\n", b"X-Long: " + b"z" * 200 + b"\r\n", b"accept: */*\r\nuser-agent: t\r\n"])
BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"POST /a HTTP/1.1\r\ncontent-length: 9\r\n\r\n"]),
)


@st.composite
def requests(draw: st.DrawFn, *, last: bool = False) -> Sent:
    name = draw(NAMES)
    body = draw(BODIES)
    framing = draw(st.sampled_from(["length", "chunked", "none"]))
    close = last and draw(st.booleans())
    head = b"POST /" + name.encode() + b"/predict HTTP/1.1\r\n" + draw(EXTRA)
    if close:
        head += b"Connection: close\r\n"
    if framing == "none":
        return Sent(head + b"\r\n", (name, "predict"), b"", not close)
    if framing == "length":
        return Sent(head + b"Content-Length: %d\r\n\r\n" % len(body) + body, (name, "predict"), body, not close)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return Sent(
        head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", (name, "predict"), body, not close
    )


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Sent], list[bytes]]:
    sent = [*draw(st.lists(requests(), max_size=5)), draw(requests(last=True))]
    wire = b"".join(each.wire for each in sent)
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    reads = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    return sent, [each for each in reads if each]


@settings(max_examples=300, deadline=None)
@given(conversations(), st.booleans())
def test_any_split_of_any_requests_gives_the_same_requests(
    conversation: tuple[list[Sent], list[bytes]], heads_known: bool
) -> None:
    sent, reads = conversation
    remembered: dict[bytes, Head] = {}
    if heads_known:
        RequestReader(FrontendConfig(), remembered).feed(b"".join(each.wire for each in sent))
    reader = RequestReader(FrontendConfig(), remembered)
    received: list[tuple[Head, bytes]] = []
    for read in reads:
        body = reader.whole(read)
        received += [(each.head, each.body) for each in reader.feed(read)] if body is None else [(reader.head, body)]
    assert [(head.segments, body, head.keep_alive) for head, body in received] == [
        (each.segments, each.body, each.keep_alive) for each in sent
    ]
    assert not reader.partial_head
    assert not reader.partial_body


@settings(max_examples=300, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=3), st.data())
def test_any_damage_ends_in_requests_or_an_error_but_never_in_another_exception(
    sent: list[Sent], data: st.DataObject
) -> None:
    wire = bytearray(b"".join(each.wire for each in sent))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wire) - 1))
        wire[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        wire = wire or bytearray(b"x")
    reader = RequestReader(FrontendConfig(max_head_bytes=2048, max_body_bytes=4096), {})
    size = data.draw(st.integers(1, 200))
    try:
        for start in range(0, len(wire), size):
            for request in reader.feed(bytes(wire[start : start + size])):
                assert len(request.body) <= 4096
    except HttpError as error:
        assert error.status in (400, 413, 431, 501)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=10))
def test_garbage_ends_in_an_error_or_waits_for_more(reads: list[bytes]) -> None:
    reader = RequestReader(FrontendConfig(), {})
    try:
        for read in reads:
            reader.feed(read)
    except HttpError as error:
        assert 400 <= error.status < 600
