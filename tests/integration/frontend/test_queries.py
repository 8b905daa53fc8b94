"""Queries as applications send them, through a real frontend to containers over their sockets."""

import base64
import json
import struct
import time

import pytest

from clipper.core.inputs import InputType
from clipper.core.prediction import NO_MODELS, SLO_MISSED
from clipper.registry.entities import Application, Model
from tests.fake_container import fail_items, never
from tests.integration.frontend.behaviours import add_up, describe, each
from tests.integration.frontend.client import Client
from tests.integration.frontend.stage import Stage


def test_one_query_is_answered(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    response = client.predict(app, {"input": [1.5, 2]})
    answer = response.json
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert isinstance(answer.pop("query_id"), int)
    assert answer == {"output": 3.5, "default": False}


def test_query_ids_differ(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    ids = [client.predict(app, {"input": [number]}).json["query_id"] for number in (1, 1, 2, 3)]
    batch = client.predict(app, {"input_batch": [[1], [5]]}).json["batch_predictions"]
    assert len({*ids, *(one["query_id"] for one in batch)}) == 6


@pytest.mark.parametrize("size", [1, 2, 300])
def test_batch_is_answered_in_order(stage: Stage, client: Client, size: int) -> None:
    app = stage.serve(add_up).name
    predictions = client.predict(app, {"input_batch": [[number, 0.5] for number in range(size)]}).json
    assert [one["output"] for one in predictions["batch_predictions"]] == [number + 0.5 for number in range(size)]


@pytest.mark.parametrize(
    ("input_type", "value", "described"),
    [
        ("doubles", [1, 2.5], ["FLOAT64", [2], [1.0, 2.5]]),
        ("doubles", [[1, 2], [3, 4]], ["FLOAT64", [2, 2], [1.0, 2.0, 3.0, 4.0]]),
        ("floats", [0.5, -1], ["FLOAT32", [2], [0.5, -1.0]]),
        ("integers", [7, -7], ["INT32", [2], [7, -7]]),
        ("strings", "né", ["STRING", [3], list("né".encode())]),
        ("strings", "", ["STRING", [0], []]),
        ("bytes", base64.b64encode(b"\x00\xff").decode(), ["BYTES", [2], [0, 255]]),
    ],
)
def test_container_sees_what_was_sent(
    stage: Stage, client: Client, input_type: str, value: object, described: object
) -> None:
    app = stage.serve(describe, input_type=InputType(input_type)).name
    assert client.predict(app, {"input": value}).json["output"] == described


@pytest.mark.parametrize(
    ("input_type", "query", "body", "described"),
    [
        ("doubles", "", struct.pack("<2d", 1, 2), ["FLOAT64", [2], [1.0, 2.0]]),
        ("doubles", "?dtype=float64&shape=2,1", struct.pack("<2d", 1, 2), ["FLOAT64", [2, 1], [1.0, 2.0]]),
        ("integers", "?shape=1,1,2", struct.pack("<2i", 1, -2), ["INT32", [1, 1, 2], [1, -2]]),
        ("bytes", "?dtype=uint8&shape=2,2", b"\x01\x02\x03\xff", ["UINT8", [2, 2], [1, 2, 3, 255]]),
        ("bytes", "", b"ab", ["BYTES", [2], [97, 98]]),
        ("strings", "", b"ab", ["STRING", [2], [97, 98]]),
    ],
)
def test_raw_bytes_need_no_json(
    stage: Stage, client: Client, input_type: str, query: str, body: bytes, described: object
) -> None:
    app = stage.serve(describe, input_type=InputType(input_type)).name
    response = client.post(f"/{app}/predict{query}", body, content_type="application/octet-stream")
    assert response.json["output"] == described


def test_raw_batch_is_cut_into_inputs(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    body = struct.pack("<6d", *range(6))
    response = client.post(f"/{app}/predict?shape=2&batch=3", body, content_type="application/octet-stream")
    assert [one["output"] for one in response.json["batch_predictions"]] == [1, 5, 9]


@pytest.mark.parametrize("output", ['"text"', "null", "[1,{}]", "true"])
def test_output_is_the_json_value_that_the_model_said(stage: Stage, client: Client, output: str) -> None:
    app = stage.serve(each(lambda _: json.loads(output))).name
    assert client.predict(app, {"input": [1]}).json["output"] == json.loads(output)


@pytest.mark.parametrize(("default", "answered"), [("-1", -1), ("cat", "cat"), ('{"a":[1]}', {"a": [1]}), ("", "")])
def test_default_comes_at_the_deadline(stage: Stage, client: Client, default: str, answered: object) -> None:
    app = stage.serve(never, slo_ms=100, default=default).name
    took_s = []
    for number in range(3):
        began = time.monotonic()
        answer = client.predict(app, {"input": [number]}).json
        took_s.append(time.monotonic() - began)
        assert (answer["output"], answer["default"], answer["default_explanation"]) == (answered, True, SLO_MISSED)
    assert min(took_s) > 0.09
    assert min(took_s) < 0.11  # the rest may have met a busy machine
    assert max(took_s) < 0.5


def test_batch_with_a_late_member_has_its_default_at_the_deadline(stage: Stage, client: Client) -> None:
    app = stage.serve(never, slo_ms=50).name
    began = time.monotonic()
    predictions = client.predict(app, {"input_batch": [[1], [2]]}).json["batch_predictions"]
    assert time.monotonic() - began < 0.5
    assert [one["default_explanation"] for one in predictions] == [SLO_MISSED] * 2


def test_application_without_a_model_answers_its_default_at_once(stage: Stage, client: Client) -> None:
    for name, models in (("lonely", ()), ("containerless", ("unstarted",))):
        if models:
            model = Model(name="unstarted", version="1", input_type=InputType.DOUBLES)
            stage.call(stage.registry.add_model(model, make_current=True))
        application = Application(
            name=name,
            input_type=InputType.DOUBLES,
            default_output="0",
            latency_slo_micros=20_000_000,
            models=models,
        )
        stage.call(stage.registry.add_application(application))
        answer = client.predict(name, {"input": [1]}).json
        assert (answer["output"], answer["default"], answer["default_explanation"]) == (0, True, NO_MODELS)


def test_failing_input_says_why_and_its_batch_mates_are_answered(stage: Stage, client: Client) -> None:
    app = stage.serve(fail_items, slo_ms=20_000, batch_size=4, input_type=InputType.STRINGS).name
    predictions = client.predict(app, {"input_batch": ["10", "11", "12", "13"]}).json["batch_predictions"]
    defaults = [one for one in predictions if one["default"]]
    assert all(one["default_explanation"] == "ValueError: odd one" for one in defaults)
    assert [one["output"] for one in predictions if not one["default"]] != []


def test_version_is_the_one_that_was_asked_for(stage: Stage, client: Client) -> None:
    app = stage.serve(each(lambda _: "first")).name
    model = Model(name=app, version="2", input_type=InputType.DOUBLES)
    stage.call(stage.registry.add_model(model, make_current=True))
    stage.add_replica(app, each(lambda _: "second"), "2")
    bodies = [{"input": [1]}, {"input": [1], "version": "1"}, {"input": [1], "version": "2"}]
    assert [client.predict(app, body).json["output"] for body in bodies] == ["second", "first", "second"]
    batch = client.predict(app, {"input_batch": [[1], [2]], "version": "1"}).json["batch_predictions"]
    assert [one["output"] for one in batch] == ["first"] * 2
    raw = client.post(f"/{app}/predict?version=1", struct.pack("<d", 1), content_type="application/octet-stream")
    assert raw.json["output"] == "first"


def test_wrong_version_is_refused_in_the_originals_words(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    for body in ({"input": [1], "version": "9"}, {"input_batch": [[1], [2]], "version": "9"}):
        response = client.predict(app, body)
        assert response.status == 400
        assert response.json == {
            "error": "Query processing error",
            "cause": f"Requested version: 9 does not exist for model: {app}",
        }


def test_version_with_several_models_is_refused_in_the_originals_words(stage: Stage, client: Client) -> None:
    app, other = stage.serve(add_up), stage.serve(add_up)
    stage.call(stage.registry.link_models(app.name, [other.name]))
    response = client.predict(app.name, {"input": [1], "version": "1"})
    assert response.status == 400
    assert response.json["cause"].startswith(f"Too many models linked to application {app.name}")
    assert client.predict(app.name, {"input": [1, 2]}).json["output"] == 3


def test_change_is_seen_by_the_next_query(stage: Stage, client: Client) -> None:
    """Whoever was told that a change is made finds it made."""
    app = stage.serve(each(lambda _: "first"))
    model = Model(name=app.name, version="2", input_type=InputType.DOUBLES)
    stage.call(stage.registry.add_model(model))
    stage.add_replica(app.name, each(lambda _: "second"), "2")
    for version, output in [("2", "second"), ("1", "first")] * 5:
        stage.call(stage.registry.set_current_version(app.name, version))
        assert client.predict(app.name, {"input": [1]}).json["output"] == output
    stage.call(stage.registry.delete_application(app.name))
    assert client.predict(app.name, {"input": [1]}).status == 404


def test_bad_body_is_refused_and_the_connection_goes_on(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    for body in (b"", b"{", b'{"input": [1e999]}', b'{"input": [NaN]}', b'{"input": [true]}', b"\xff", b"[" * 100_000):
        response = client.predict(app, body)
        assert (response.status, response.json["error"]) == (400, "Json error")
        assert response.json["cause"]
    assert client.predict(app, {"input": [1]}).json["output"] == 1


@pytest.mark.parametrize(
    ("line", "status", "cause"),
    [
        ("POST /nobody/predict", 404, "No application with name 'nobody' exists: register it with add_app"),
        ("POST /nobody/update", 404, "No application with name 'nobody' exists"),
        ("POST /", 404, "Expected POST /{application}/predict"),
        ("GET /favicon.ico", 404, "Expected POST /{application}/predict"),
        ("POST /a/b/predict", 404, "Expected POST /{application}/predict"),
        ("DELETE /a", 404, "Expected POST /{application}/predict"),
    ],
)
def test_what_is_not_there_says_what_is(client: Client, line: str, status: int, cause: str) -> None:
    client.send(f"{line} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    response = client.read()
    assert response.status == status
    assert response.json["cause"].startswith(cause)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("GET /nobody/predict", "POST"),
        ("DELETE /nobody/update", "POST"),
        ("PUT /metrics", "GET"),
        ("POST /health", "GET"),
        ("POST /ready", "GET"),
    ],
)
def test_method_that_a_path_does_not_take_is_told_the_one_it_does(client: Client, line: str, allowed: str) -> None:
    client.send(f"{line} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    response = client.read()
    assert (response.status, response.headers["allow"]) == (405, allowed)
    method = line.partition(" ")[0]
    assert response.json == {"error": "Method not allowed", "cause": f"{method} is not possible here"}
    assert client.get("/health").status == 200


def test_health_is_answered(client: Client) -> None:
    assert [client.get(path).status for path in ("/health", "/ready")] == [200, 200]


def test_feedback_is_acknowledged_in_the_originals_words(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    query_id = client.predict(app, {"input": [1]}).json["query_id"]
    for body in ({"query_id": query_id, "label": 1}, {"uid": 7, "input": [2], "label": 2.5}):
        response = client.post(f"/{app}/update", body)
        assert (response.status, response.body) == (200, b"Feedback received? 1")
    response = client.post(f"/{app}/update", {"query_id": 1, "label": 1})
    assert response.status == 404
    assert response.json["cause"].startswith("No query with query_id 1 is known")
    assert client.post(f"/{app}/update", {"label": 1}).status == 400


def test_feedback_is_a_label_or_a_reward_and_a_key_makes_it_count_once(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    for _ in range(3):
        body = {"input": [1], "reward": 0.5, "context": "ann", "idempotency_key": "order-7"}
        assert client.post(f"/{app}/update", body).body == b"Feedback received? 1"
    metrics = client.get("/metrics").body.decode()
    assert f'clipper_feedback_total{{frontend="0",application="{app}"}} 1.0' in metrics
    response = client.post(f"/{app}/update", {"input": [1], "reward": 2})
    assert (response.status, response.json["error"]) == (400, "Json error")


def test_feedbacks_of_a_batch_are_answered_each_for_itself(stage: Stage, client: Client) -> None:
    app = stage.serve(add_up).name
    query_id = client.predict(app, {"input": [1]}).json["query_id"]
    wrong = [{"query_id": 1, "label": 1}, {"query_id": query_id}, 7]
    good = [{"query_id": query_id, "label": 1}] * 2 + [{"input": [n], "label": n, "uid": n} for n in range(200)]
    response = client.post(f"/{app}/update", {"update_batch": [*wrong, *good]})
    assert response.status == 200
    updates = response.json["updates"]
    assert [each.get("error") for each in updates[:3]] == ["Query processing error", "Json error", "Json error"]
    assert updates[0]["cause"].startswith("No query with query_id 1 is known")
    assert updates[3:] == [{"ok": True}] * 202
    assert client.post(f"/{app}/update", {"update_batch": []}).status == 400
