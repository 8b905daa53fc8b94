import json
from http import HTTPStatus

import httptools
import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import DType, Input
from clipper.core.prediction import NO_MODELS, SLO_MISSED
from clipper.engine.query import APPROXIMATE, EXACT, PendingQuery, ReplyTo
from clipper.frontend import responses
from clipper.frontend.responses import STATUS_OF
from clipper.selection.policy import Answer, Selection


def answered(query_id: int, output: bytes, explanation: str | None = None) -> PendingQuery:
    query = PendingQuery(Input(DType.BYTES, (1,), b"x"), None, 0.0, 1.0, NobodyWaits())
    query.query_id = query_id
    query.output = output
    query.explanation = explanation
    return query


class NobodyWaits(ReplyTo):
    def answer(self, query: PendingQuery, now: float) -> None:
        raise AssertionError("not asked")


class Parsed:
    """A response as a client's HTTP parser reads it; anything left over is an error."""

    def __init__(self, data: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(data)
        assert self.complete
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        assert not self.complete, "a second response"
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        assert not self.complete, "a second response"
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True
        self.keeps_open = self._parser.should_keep_alive()


def test_prediction_is_the_originals_object() -> None:
    response = Parsed(responses.prediction(answered(7, b"[1.5]")))
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert json.loads(response.body) == {"query_id": 7, "output": [1.5], "default": False}


@pytest.mark.parametrize(("cache", "says"), [(EXACT, "exact"), (APPROXIMATE, "approximate")])
def test_what_came_from_the_cache_says_so(cache: int, says: str) -> None:
    query = answered(7, b"[1.5]")
    query.cache = cache
    expected = {"query_id": 7, "output": [1.5], "default": False, "cache": says}
    assert json.loads(Parsed(responses.prediction(query)).body) == expected
    assert json.loads(Parsed(responses.batch_predictions([query])).body) == {"batch_predictions": [expected]}
    query.explanation = "no model answered"
    assert "cache" not in json.loads(Parsed(responses.prediction(query)).body)


def test_what_was_combined_says_of_whom_and_how_sure() -> None:
    query = answered(7, b"[1.5]")
    query.selection = Selection(("a", "b", "c"), (1.0, 1.0, 1.0))
    query.answer = Answer(b"[1.5]", 2 / 3, (1 / 3, 2 / 3, 0.0))
    query.missing = ("c",)
    expected = {
        "query_id": 7,
        "output": [1.5],
        "default": False,
        "confidence": 0.6667,
        "models": {"a": 0.3333, "b": 0.6667},
        "missing": ["c"],
    }
    assert json.loads(Parsed(responses.prediction(query)).body) == expected
    assert json.loads(Parsed(responses.batch_predictions([query])).body) == {"batch_predictions": [expected]}
    query.missing = ()
    query.answer = Answer(b"[1.5]", 1.0)
    assert list(json.loads(Parsed(responses.prediction(query)).body)) == ["query_id", "output", "default", "confidence"]


@pytest.mark.parametrize("explanation", [SLO_MISSED, NO_MODELS, 'ValueError: "quoted"\n\x00é', ""])
def test_default_says_why(explanation: str) -> None:
    body = json.loads(Parsed(responses.prediction(answered(2**53, b'"d"', explanation))).body)
    assert body == {"query_id": 2**53, "output": "d", "default": True, "default_explanation": explanation}


def test_explanations_are_the_originals_word_for_word() -> None:
    assert SLO_MISSED == "Failed to retrieve a prediction response within the specified latency SLO"
    assert NO_MODELS == "No connected models found for query"


@pytest.mark.parametrize("length", [0, 1, 900, 973, 974, 975, 976, 977, 1023, 1024, 1025, 100_000])
def test_length_is_right_at_every_size(length: int) -> None:
    output = json.dumps("x" * length).encode()
    assert json.loads(Parsed(responses.prediction(answered(1, output))).body)["output"] == "x" * length


@pytest.mark.parametrize("count", [1, 2, 50])
def test_batch_is_a_list_whatever_its_length(count: int) -> None:
    queries = [answered(number, b"%d" % number, SLO_MISSED if number == 1 else None) for number in range(count)]
    predictions = json.loads(Parsed(responses.batch_predictions(queries)).body)["batch_predictions"]
    assert [each["query_id"] for each in predictions] == list(range(count))
    assert [each["default"] for each in predictions] == [number == 1 for number in range(count)]


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_error_code_has_a_status(code: ErrorCode) -> None:
    response = Parsed(responses.failure(ClipperError(code, 'no "é"\r\n'), "Kind"))
    assert response.status == STATUS_OF[code] >= 400
    assert json.loads(response.body) == {"error": "Kind", "cause": 'no "é"\r\n'}


def test_nothing_is_mapped_that_is_no_error_code() -> None:
    assert set(STATUS_OF) == set(ErrorCode)


@pytest.mark.parametrize("code", [ErrorCode.OVERLOADED, ErrorCode.UNAVAILABLE, ErrorCode.TIMEOUT, ErrorCode.STORE_FULL])
def test_what_a_retry_can_help_is_the_servers_error(code: ErrorCode) -> None:
    assert STATUS_OF[code] >= 500


def test_closing_response_says_so_and_is_otherwise_the_same() -> None:
    response = responses.problem(HTTPStatus.NOT_FOUND, "Not found", "a\r\nb")
    kept, closed = Parsed(response), Parsed(responses.closing(response))
    assert (kept.keeps_open, closed.keeps_open) == (True, False)
    assert (kept.status, kept.body) == (closed.status, closed.body)


def test_text_has_its_type() -> None:
    response = Parsed(responses.text("é".encode()))
    assert (response.headers["content-type"], response.body) == ("text/plain; charset=utf-8", "é".encode())
