"""An application's handle sends what the query REST reads and reads what it answers."""

import json
from typing import Any

import numpy as np
import pytest

from clipper.client import Application, Clipper, ClipperError, Prediction, RankedItem, Ranking
from clipper.core.errors import ErrorCode
from tests.unit.client.fake import Answer, Asked, FakePlane

PREDICT = "/digits/predict"
ANSWER = {"query_id": 7, "output": 3, "default": False}
DEFAULTED = {"query_id": 8, "output": "none", "default": True, "default_explanation": "why"}


@pytest.fixture
def application(clipper: Clipper, query: FakePlane) -> Application:
    query.says(PREDICT, ANSWER)
    query.says("/digits/update", "Feedback received? 1")
    return clipper.application("digits")


def test_prediction_is_read(application: Application) -> None:
    assert application.predict([1.0, 2]) == Prediction(7, 3, False)


def test_default_comes_with_its_explanation(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, DEFAULTED)
    assert application.predict([1.0]) == Prediction(8, "none", True, "why")


def test_answer_says_that_it_was_cached(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, ANSWER | {"cache": "approximate"})
    assert application.predict([1.0]) == Prediction(7, 3, False, cache="approximate")


def test_fields_of_a_newer_server_are_left_alone(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, ANSWER | {"novelty": 0.5})
    assert application.predict([1.0]) == Prediction(7, 3, False)


def test_answer_says_of_whom_it_consists(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, ANSWER | {"confidence": 0.5, "models": {"a": 0.75, "b": 0.25}, "missing": ["c"]})
    expected = Prediction(7, 3, False, confidence=0.5, models={"a": 0.75, "b": 0.25}, missing=("c",))
    assert application.predict([1.0]) == expected


@pytest.mark.parametrize(
    ("x", "sent"),
    [
        ([1, 2.5], [1, 2.5]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ("text", "text"),
        (b"\x00\xff", "AP8="),
        ([np.float32(0.5), np.int64(2)], [0.5, 2]),
        (np.array([1, 2]), [1, 2]),
        (np.array([True, False]), [True, False]),
        (np.array([0.5], dtype=np.float16), [0.5]),
    ],
)
def test_input_goes_as_json(application: Application, query: FakePlane, x: object, sent: object) -> None:
    application.predict(x)
    assert query.last.json == {"input": sent}


def test_token_is_not_shown_to_the_query_frontend(application: Application, query: FakePlane) -> None:
    application.predict([1.0])
    assert "authorization" not in query.last.headers


def test_version_and_context_go_along(application: Application, query: FakePlane) -> None:
    application.predict([1], version=2, context="alice")
    assert query.last.json == {"input": [1], "version": "2", "context": "alice"}
    application.predict(np.ones(1), version=2, context="alice")
    assert query.last.query == {"dtype": "float64", "shape": "1", "version": "2", "context": "alice"}


@pytest.mark.parametrize(
    ("x", "dtype", "shape"),
    [
        (np.array([1.0, 2.0]), "float64", "2"),
        (np.array([[1, 2, 3]], dtype=np.int32), "int32", "1,3"),
        (np.array([1.5], dtype=">f4"), "float32", "1"),
        (np.arange(6, dtype=np.uint8).reshape(2, 3).T, "uint8", "3,2"),
    ],
)
def test_array_goes_as_raw_bytes(application: Application, query: FakePlane, x: Any, dtype: str, shape: str) -> None:
    assert application.predict(x).output == 3
    assert query.last.query == {"dtype": dtype, "shape": shape}
    assert query.last.headers["content-type"] == "application/octet-stream"
    sent = np.frombuffer(query.last.body, np.dtype(dtype).newbyteorder("<"))
    np.testing.assert_array_equal(sent.reshape(x.shape), x)


def refuse_raw(asked: Asked) -> Answer:
    if "dtype" in asked.query:
        return Answer(b'{"error": "Json error", "cause": "Invalid dtype"}', 400)
    return Answer(json.dumps(ANSWER).encode())


def test_array_of_another_type_goes_as_json_from_then_on(application: Application, query: FakePlane) -> None:
    query.answers[PREDICT] = refuse_raw
    for _ in range(2):
        assert application.predict(np.array([1, 2], dtype=np.float32)).output == 3
    assert [bool(each.query) for each in query.asked] == [True, False, False]
    assert query.last.json == {"input": [1, 2]}


def test_array_that_is_refused_either_way_is_refused_as_it_was_sent(application: Application, query: FakePlane) -> None:
    query.answers[PREDICT] = Answer(b'{"error": "Json error", "cause": "Invalid dtype"}', 400)
    with pytest.raises(ClipperError, match="Invalid dtype"):
        application.predict(np.array([1.0]))
    query.says(PREDICT, ANSWER)
    application.predict(np.array([1.0]))
    assert query.last.query


def test_batch_is_answered_in_order(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, {"batch_predictions": [ANSWER, DEFAULTED]})
    assert [each.query_id for each in application.predict_batch([[1], [2]], version="3")] == [7, 8]
    assert query.last.json == {"input_batch": [[1], [2]], "version": "3"}


def test_rows_of_an_array_go_as_raw_bytes(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, {"batch_predictions": [ANSWER, ANSWER]})
    application.predict_batch(np.zeros((2, 4, 3)))
    assert query.last.query == {"dtype": "float64", "shape": "4,3", "batch": "2"}
    assert len(query.last.body) == 2 * 4 * 3 * 8


def test_best_items_are_read(application: Application, query: FakePlane) -> None:
    best = [{"item": 1, "score": 0.5, "query_id": 8}, {"item": 0, "score": 0.25, "query_id": 7}]
    query.says(PREDICT, {"top_k": best, "default": False, "unranked": [2], "missing": ["slow"]})
    found = application.top_k(np.eye(3), 2, context="ann")
    assert found == Ranking([RankedItem(1, 0.5, 8), RankedItem(0, 0.25, 7)], False, unranked=(2,), missing=("slow",))
    assert query.last.json == {"items": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "k": 2, "context": "ann"}


@pytest.mark.parametrize("answer", ["text", {}, {"query_id": 1, "output": 2}, {"batch_predictions": [1]}, None])
def test_answer_that_is_no_prediction_is_a_protocol_error(
    application: Application, query: FakePlane, answer: object
) -> None:
    query.says(PREDICT, answer)
    with pytest.raises(ClipperError) as caught:
        application.predict([1])
    assert caught.value.code is ErrorCode.PROTOCOL
    with pytest.raises(ClipperError) as caught:
        application.predict_batch([[1]])
    assert caught.value.code is ErrorCode.PROTOCOL
    with pytest.raises(ClipperError) as caught:
        application.top_k([[1]], 1)
    assert caught.value.code is ErrorCode.PROTOCOL


def test_refusal_is_an_error(application: Application, query: FakePlane) -> None:
    query.says(PREDICT, {"error": "Json error", "cause": "Invalid input[0]: expected a number"}, 400)
    with pytest.raises(ClipperError, match=r"Invalid input\[0\]") as caught:
        application.predict(["x"])
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_feedback_names_the_query(application: Application, query: FakePlane) -> None:
    application.feedback(0, query_id=0)
    assert query.last.json == {"label": 0, "query_id": 0}
    application.feedback("cat", input=[1.0], context="alice")
    assert query.last.json == {"label": "cat", "input": [1.0], "context": "alice"}
    application.feedback(reward=0.0, query_id=7, idempotency_key="order-7")
    assert query.last.json == {"reward": 0.0, "query_id": 7, "idempotency_key": "order-7"}


@pytest.mark.parametrize("what", [{}, {"label": 1, "reward": 1.0}])
def test_feedback_that_says_nothing_or_two_things_is_refused(application: Application, what: dict[str, Any]) -> None:
    with pytest.raises(ClipperError, match="either label or reward"):
        application.feedback(query_id=1, **what)


def test_batch_of_feedback_says_for_each_what_became_of_it(application: Application, query: FakePlane) -> None:
    query.says("/digits/update", {"updates": [{"ok": True}, {"error": "Json error", "cause": "Invalid reward"}]})
    told: list[dict[str, object]] = [{"query_id": 1, "label": 0}, {"input": [1.0], "reward": 7, "context": None}]
    assert application.feedback_batch(told) == [None, "Invalid reward"]
    assert query.last.json == {"update_batch": [told[0], {"input": [1.0], "reward": 7}]}


def test_answer_to_a_batch_of_feedback_that_is_no_such_thing_is_an_error(
    application: Application, query: FakePlane
) -> None:
    query.says("/digits/update", "Feedback received? 1")
    with pytest.raises(ClipperError, match="something unexpected"):
        application.feedback_batch([{"query_id": 1, "label": 0}])


@pytest.mark.parametrize("which", [{}, {"query_id": 1, "input": [1]}])
def test_feedback_for_no_query_or_two_is_refused(application: Application, which: dict[str, Any]) -> None:
    with pytest.raises(ClipperError, match="either query_id or input"):
        application.feedback(1, **which)
