"""A deployment is uploaded as one archive and followed, line by line, to its end."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from clipper.client import Clipper, ClipperError, Progress
from clipper.container.archive import unpack
from clipper.container.bundle import read_manifest
from clipper.core.errors import ErrorCode
from tests.unit.client.fake import Answer, FakePlane

DEPLOY = "/admin/deploy"
READY = {"event": "ready", "model": "m", "version": "1"}
STARTED = {"event": "progress", "stage": "start", "message": "Starting 2 replicas"}
TRACEBACK = "Traceback (most recent call last):\n  …\nKeyError: 3"


def lines(*events: dict[str, Any]) -> Answer:
    return Answer(content_type="application/x-ndjson", lines=[json.dumps(each).encode() + b"\n" for each in events])


def predict(inputs: Any) -> Any:
    return [0.0 for _ in inputs]


def failure(clipper: Clipper, **options: Any) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        clipper.deploy_model("m", 1, predict, **options)
    return caught.value


def test_bundle_arrives_whole(clipper: Clipper, admin: FakePlane, tmp_path: Path) -> None:
    admin.answers[DEPLOY] = lines(READY)
    clipper.deploy_model("m", 1, predict, "doubles", example=[1.0])
    assert admin.last.headers["authorization"] == "Bearer secret"
    assert admin.last.headers["content-length"] == str(len(admin.last.body))
    unpack(io.BytesIO(admin.last.body), tmp_path / "bundle")
    assert read_manifest(tmp_path / "bundle").example == [1.0]


def test_what_is_said_of_the_version_goes_in_the_query(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = lines(READY)
    clipper.deploy_model("m", 1, predict)
    plain = {"model_name": "m", "model_version": "1", "replicas": "1", "batch_size": "-1", "labels": ""}
    assert admin.last.query == plain
    clipper.deploy_model("m", "v2", predict, num_replicas=2, batch_size=8, labels=["a", "b"], app_name="digits")
    assert admin.last.query == {
        "model_name": "m",
        "model_version": "v2",
        "replicas": "2",
        "batch_size": "8",
        "labels": "a,b",
        "app_name": "digits",
    }
    clipper.deploy_model("m", 1, predict, batching="aimd", batch_delay_ms=2.5)
    assert admin.last.query == {**plain, "batching": "aimd", "batch_delay_ms": "2.5"}


def test_closure_is_deployed_in_the_originals_words(clipper: Clipper, admin: FakePlane, tmp_path: Path) -> None:
    admin.answers[DEPLOY] = lines(READY)
    clipper.deploy_python_closure("m", 1, "strings", predict, num_replicas=3, pkgs_to_install=["numpy"])
    assert admin.last.query["replicas"] == "3"
    unpack(io.BytesIO(admin.last.body), tmp_path / "bundle")
    manifest = read_manifest(tmp_path / "bundle")
    assert (manifest.input_type, manifest.requirements) == ("strings", ("numpy",))


def test_every_stage_is_told(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = lines(STARTED, READY)
    told: list[Progress] = []
    clipper.deploy_model("m", 1, predict, example=[1.0], on_progress=told.append)
    assert [each.stage for each in told] == ["package", "dry-run", "upload", "start"]
    assert told[-1].message == "Starting 2 replicas"


def test_lines_of_a_newer_server_are_left_alone(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = lines({"event": "new"}, {"event": "progress"}, READY)
    clipper.deploy_model("m", 1, predict)


def test_failure_comes_with_the_containers_traceback(clipper: Clipper, admin: FakePlane) -> None:
    failed = {"event": "failed", "error": "model_failed", "cause": "KeyError: 3", "detail": TRACEBACK}
    admin.answers[DEPLOY] = lines(STARTED, failed)
    error = failure(clipper)
    assert (error.code, error.message, error.detail) == (ErrorCode.MODEL_FAILED, "KeyError: 3", TRACEBACK)


def test_refusal_before_the_first_line_is_an_error(clipper: Clipper, admin: FakePlane) -> None:
    admin.says(DEPLOY, {"error": "already_exists", "cause": "version '1' exists", "detail": ""}, 400)
    assert failure(clipper).code is ErrorCode.ALREADY_EXISTS


def test_server_that_goes_away_in_between_leaves_it_open(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = lines(STARTED)
    error = failure(clipper)
    assert error.code is ErrorCode.UNAVAILABLE
    assert "clipper status" in error.message


def test_answer_that_is_no_line_of_json_is_a_protocol_error(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = Answer(content_type="application/x-ndjson", lines=[b"{\n"])
    assert failure(clipper).code is ErrorCode.PROTOCOL


def test_function_that_fails_its_example_is_not_sent(clipper: Clipper, admin: FakePlane) -> None:
    with pytest.raises(ClipperError) as caught:
        clipper.deploy_model("m", 1, lambda xs: xs["a"], example=[1.0])
    assert 'xs["a"]' in caught.value.detail
    assert not admin.asked


def test_function_with_requirements_is_only_tried_where_they_are(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = lines(READY)
    clipper.deploy_model("m", 1, lambda xs: xs["a"], example=[1.0], requirements=["numpy"])
    assert len(admin.asked) == 1


def test_one_client_deploys_again_and_again(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers[DEPLOY] = lines(STARTED, READY, STARTED)
    admin.says("/admin/get_all_models", [])
    for _ in range(3):
        clipper.deploy_model("m", 1, predict)
        assert clipper.get_all_models() == []
