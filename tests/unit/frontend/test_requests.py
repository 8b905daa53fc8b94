import pytest

from clipper.frontend.config import FrontendConfig
from clipper.frontend.requests import MAX_REMEMBERED_HEAD_BYTES, MAX_REMEMBERED_HEADS, Head, HttpError, RequestReader

SMALL = FrontendConfig(max_head_bytes=512, max_body_bytes=1000)


def reader(config: FrontendConfig = SMALL) -> RequestReader:
    return RequestReader(config, {})


def head_of(data: bytes) -> Head:
    (request,) = reader().feed(data)
    return request.head


def refusal(*pieces: bytes, config: FrontendConfig = SMALL) -> HttpError:
    """The error of the first piece that is refused; there must be one."""
    reading = reader(config)
    for piece in pieces:
        try:
            reading.feed(piece)
        except HttpError as error:
            return error
    raise AssertionError(f"nothing was refused; {len(reading.completed)} requests came of the last piece")


def test_head_is_reduced_to_what_the_server_uses() -> None:
    head = head_of(
        b"POST /digits/predict/?dtype=int32&x=%C3%A9 HTTP/1.1\r\nHost: a\r\n"
        b"Content-Type: Application/JSON; charset=utf-8\r\nclipper-dtype: float64\r\n"
        b"Clipper-Shape: 2,2\r\nContent-Length: 0\r\n\r\n"
    )
    assert head == Head(
        method=b"POST",
        segments=("digits", "predict"),
        application="digits",
        parameters={"dtype": "int32", "x": "é", "shape": "2,2"},  # the query string wins over a header
        length=0,
        keep_alive=True,
        expects_continue=False,
        is_binary=False,
    )


@pytest.mark.parametrize(
    ("line", "application"),
    [
        (b"POST /a/predict", "a"),
        (b"POST /a/predict/", "a"),
        (b"POST http://host:1337/a/predict", "a"),
        (b"GET /a/predict", ""),
        (b"POST /a/update", ""),
        (b"POST /predict", ""),
        (b"POST /a/b/predict", ""),
        (b"POST /", ""),
        (b"OPTIONS *", ""),
    ],
)
def test_only_predict_names_an_application(line: bytes, application: str) -> None:
    assert head_of(line + b" HTTP/1.1\r\n\r\n").application == application


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"connection: close\r\n", False),
        (b"1.1", b"connection: keep-alive, close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"connection: keep-alive\r\n", True),
    ],
)
def test_connection_is_kept_as_the_client_asks(version: bytes, connection: bytes, kept: bool) -> None:
    assert head_of(b"GET /a HTTP/" + version + b"\r\n" + connection + b"\r\n").keep_alive is kept


def test_answer_to_head_is_the_last_since_its_body_would_be_taken_for_the_next() -> None:
    assert not head_of(b"HEAD /metrics HTTP/1.1\r\n\r\n").keep_alive


@pytest.mark.parametrize("body", [b"", b"content-length: 2\r\n"])
def test_offer_to_upgrade_is_ignored(body: bytes) -> None:
    """Java's client makes it with its first request to every server."""
    head = b"POST /a/predict HTTP/1.1\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n" + body + b"\r\n"
    first, second = reader().feed((head + b"ab" * bool(body)) * 2)
    assert first == second
    assert first.head.application == "a"
    assert first.head.keep_alive


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /a HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: 5, 5\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: +5\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: -5\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: 0x5\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length:\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length : 5\r\n\r\nabcde", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: 1\r\n 2\r\n\r\nabcdefghijkl", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"GET /a HTTP/1.1\r\nx: a\r\n b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\nhost: a\n\n", 400),
        (b"GET /a HTTP/1.1\nhost: a\n\nPOST /b HTTP/1.1\r\ncontent-length: 1\r\n\r\na", 400),
        (b"GET /a HTTP/1.1\r\nhost: a\nx: b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nx\x00: b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nx: \x01\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET /a\x00 HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/1.2\r\n\r\n", 400),
        (b"GET /?" + b"&".join([b"a=1"] * 33) + b" HTTP/1.1\r\n\r\n", 400),
        (b"BREW /a HTTP/1.1\r\n\r\n", 400),
        (b"HTTP/1.1 200 OK\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"CONNECT a:443 HTTP/1.1\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nconnection: upgrade\r\nupgrade: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ],
)
def test_request_that_others_could_read_differently_is_refused(request_bytes: bytes, status: int) -> None:
    assert refusal(request_bytes).status == status


def test_requests_before_a_bad_one_are_served() -> None:
    reading = reader()
    with pytest.raises(HttpError):
        reading.feed(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nBREW /c HTTP/1.1\r\n\r\n")
    assert [each.head.segments for each in reading.completed] == [("a",), ("b",)]


def test_head_that_never_ends_is_refused_at_the_limit() -> None:
    begun = b"GET /a HTTP/1.1\r\n"
    error = refusal(begun, *[b"x: y\r\n"] * 200)
    assert (error.status, error.cause) == (431, "The request line and headers exceed 512 bytes")


@pytest.mark.parametrize("piece", [b"x: y\r\n", b"x", b"y" * 300])
def test_head_after_a_chunked_request_has_the_same_limit(piece: bytes) -> None:
    chunked = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    reading = reader()
    reading.feed(chunked)
    fed = 0
    with pytest.raises(HttpError) as refused:
        for each in (b"GET /a HTTP/1.1\r\nx: y", *[piece] * 2000):
            reading.feed(each)
            fed += len(each)
    assert refused.value.status == 431
    assert fed < 2 * SMALL.max_head_bytes


@pytest.mark.parametrize("begun", [b"1;", b"0\r\nx: "])
def test_chunk_extension_or_trailer_that_never_ends_is_refused(begun: bytes) -> None:
    chunked = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + begun
    assert refusal(chunked, *[b"a" * 100] * 30).status == 431


def test_whole_head_larger_than_the_limit_is_refused() -> None:
    assert refusal(b"GET /a HTTP/1.1\r\nx: " + b"y" * 600 + b"\r\n\r\n").status == 431
    assert head_of(b"GET /a HTTP/1.1\r\nx: " + b"y" * 450 + b"\r\n\r\n").segments == ("a",)


def test_body_over_the_limit_is_refused_before_it_is_sent() -> None:
    error = refusal(b"POST /a HTTP/1.1\r\ncontent-length: 1001\r\n\r\n")
    assert (error.status, error.cause) == (413, "The body exceeds the limit of 1000 bytes")


def test_body_over_the_limit_is_refused_every_time() -> None:
    remembered: dict[bytes, Head] = {}
    head = b"POST /a HTTP/1.1\r\ncontent-length: 1001\r\n\r\n"
    for _ in range(2):
        reading = RequestReader(SMALL, remembered)
        whole = reading.whole(head + bytes(1001))
        assert whole is None
        with pytest.raises(HttpError):
            reading.feed(head + bytes(1001))


def test_chunked_body_is_refused_once_it_exceeds_the_limit() -> None:
    chunk = b"fa\r\n" + bytes(250) + b"\r\n"
    chunked = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    (request,) = reader().feed(chunked + 4 * chunk + b"0\r\n\r\n")
    assert request.body == bytes(1000)
    assert refusal(chunked, *[chunk] * 5).status == 413


def test_chunked_body_is_put_together_without_extensions_and_trailers() -> None:
    first, second = reader().feed(
        b"POST /a/predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nt: v\r\n\r\n"
        b"GET /b HTTP/1.1\r\n\r\n"
    )
    assert (first.head.application, first.body) == ("a", b"abcd")
    assert second.head.segments == ("b",)


@pytest.mark.parametrize(
    ("framing", "body"),
    [(b"content-length: 2\r\n", b"ab"), (b"transfer-encoding: chunked\r\n", b"2\r\nab\r\n0\r\n\r\n")],
)
def test_continue_is_wanted_only_while_the_body_waits(framing: bytes, body: bytes) -> None:
    head = b"POST /a HTTP/1.1\r\nExpect: 100-Continue\r\n" + framing + b"\r\n"
    reading = reader()
    assert reading.feed(head) == []
    assert reading.continue_wanted
    reading.continue_wanted = False
    (request,) = reading.feed(body)
    assert request.body == b"ab"
    assert not reading.continue_wanted


def test_continue_is_not_wanted_when_the_body_has_begun() -> None:
    reading = reader()
    reading.feed(b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\na")
    assert not reading.continue_wanted


def test_continue_is_wanted_also_after_a_chunked_request() -> None:
    reading = reader()
    reading.feed(b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    reading.feed(b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
    assert reading.continue_wanted


def test_partial_says_what_is_being_waited_for() -> None:
    reading = reader()
    states = []
    for piece in (b"POST /a HT", b"TP/1.1\r\ncontent-length: 2\r\n\r\n", b"a", b"b"):
        reading.feed(piece)
        states.append((reading.partial_head, reading.partial_body))
    assert states == [(True, False), (False, True), (False, True), (False, False)]


def test_remembered_heads_are_bounded_in_number_and_size() -> None:
    remembered: dict[bytes, Head] = {}
    reading = RequestReader(FrontendConfig(), remembered)
    for number in range(MAX_REMEMBERED_HEADS + 10):
        reading.feed(b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert len(remembered) <= MAX_REMEMBERED_HEADS
    before = len(remembered)
    reading.feed(b"GET /a HTTP/1.1\r\nx: " + b"y" * MAX_REMEMBERED_HEAD_BYTES + b"\r\n\r\n")
    assert len(remembered) == before


def test_whole_answers_only_for_one_remembered_request_and_nothing_else() -> None:
    data = b"POST /a/predict HTTP/1.1\r\ncontent-length: 2\r\n\r\nab"
    reading = reader()
    assert reading.whole(data) is None  # not seen yet
    (request,) = reading.feed(data)
    for _ in range(2):  # looked up, and as the one before
        assert reading.whole(data) == b"ab"
        assert reading.head is request.head
    assert reading.whole(data + b"G") is None
    assert reading.whole(data[:-1]) is None
    assert reading.whole(data + data) is None
    reading.feed(b"G")  # now a head has begun
    assert reading.whole(data) is None
