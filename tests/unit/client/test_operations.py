"""The operator's vocabulary sends the admin REST's requests, and reads its answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clipper.client import Clipper, ClipperError, connect
from clipper.core.errors import ErrorCode
from tests.unit.client.fake import Answer, Asked, FakePlane


def model(name: str, version: str, current: bool = False) -> dict[str, Any]:
    return {"model_name": name, "model_version": version, "is_current_version": current}


def in_state(name: str, version: str, previous: str = "", *, current: bool = False) -> dict[str, Any]:
    return {"name": name, "version": version, "previous": previous, "current": current}


def replica(name: str, version: str, replica_id: int) -> dict[str, Any]:
    return {"model_name": name, "model_version": version, "model_replica_id": replica_id}


MODELS = [model("svm", "9"), model("svm", "10", True), model("svm", "11"), model("bayes", "1", True)]
STATE = {
    "models": [
        in_state("svm", "10", "11", current=True),
        in_state("svm", "11", "9"),
        in_state("svm", "9"),
        in_state("bayes", "1", current=True),
        in_state("tree", "1", current=True),
        in_state("tree", "2", "1"),
        in_state("tree", "3", "2"),
        in_state("unset", "1"),
    ]
}
REPLICAS = [replica("svm", "9", 0), replica("svm", "10", 0), replica("svm", "10", 1), replica("bayes", "1", 0)]


CHANGES: list[tuple[Callable[[Clipper], object], str, dict[str, Any]]] = [
    (
        lambda c: c.register_application("a", "doubles", "0", 20_000),
        "add_app",
        {"name": "a", "input_type": "doubles", "default_output": "0", "latency_slo_micros": 20_000},
    ),
    (
        lambda c: c.register_application(
            "a", "doubles", "0", 9, priority=3, cache=False, cache_ttl_s=60, max_disagreement=0.02, batching="aimd"
        ),
        "add_app",
        {
            "name": "a",
            "input_type": "doubles",
            "default_output": "0",
            "latency_slo_micros": 9,
            "priority": 3,
            "cache": False,
            "cache_ttl_s": 60,
            "max_disagreement": 0.02,
            "batching": "aimd",
        },
    ),
    (
        lambda c: c.register_application("a", "doubles", "0", 9, policy="exp4", policy_config={"eta": 0.1}),
        "add_app",
        {
            "name": "a",
            "input_type": "doubles",
            "default_output": "0",
            "latency_slo_micros": 9,
            "policy": "exp4",
            "policy_config": {"eta": 0.1},
        },
    ),
    (
        lambda c: c.register_model("m", 1, "doubles", batching="deadline", batch_delay_ms=-1),
        "add_model",
        {
            "model_name": "m",
            "model_version": "1",
            "input_type": "doubles",
            "labels": [],
            "container_name": "",
            "model_data_path": "",
            "batch_size": -1,
            "batching": "deadline",
            "batch_delay_ms": -1,
        },
    ),
    (lambda c: c.unregister_application("a"), "delete_app", {"name": "a"}),
    (lambda c: c.delete_application("a"), "delete_app", {"name": "a"}),
    (lambda c: c.link_model_to_app("a", "m"), "add_model_links", {"app_name": "a", "model_names": ["m"]}),
    (lambda c: c.unlink_model_from_app("a", "m"), "delete_model_links", {"app_name": "a", "model_names": ["m"]}),
    (lambda c: c.set_linked_models("a", ("m", "n")), "set_model_links", {"app_name": "a", "model_names": ["m", "n"]}),
    (
        lambda c: c.register_model("m", 1, "doubles", image="i", labels=["x"], batch_size=4),
        "add_model",
        {
            "model_name": "m",
            "model_version": "1",
            "input_type": "doubles",
            "labels": ["x"],
            "container_name": "i",
            "model_data_path": "",
            "batch_size": 4,
        },
    ),
    (lambda c: c.set_model_version("m", 2), "set_model_version", {"model_name": "m", "model_version": "2"}),
    (lambda c: c.delete_versioned_model("m", 2), "delete_versioned_model", {"model_name": "m", "model_version": "2"}),
    (lambda c: c.delete_model("m"), "delete_model", {"model_name": "m"}),
    (lambda c: c.set_num_replicas("m", 3), "set_num_replicas", {"model_name": "m", "num_replicas": 3}),
    (
        lambda c: c.set_num_replicas("m", 0, 2),
        "set_num_replicas",
        {"model_name": "m", "num_replicas": 0, "model_version": "2"},
    ),
]


@pytest.fixture
def plane(admin: FakePlane) -> FakePlane:
    done = Answer(b"Successfully done", content_type="text/plain")
    for name in [path for _, path, _ in CHANGES]:
        admin.answers[f"/admin/{name}"] = done
    admin.says("/admin/get_all_models", MODELS)
    admin.says("/admin/get_all_containers", REPLICAS)
    admin.says("/admin/state", STATE)
    return admin


@pytest.mark.parametrize(
    ("change", "path", "body"), CHANGES, ids=[f"{path}-{at}" for at, (_, path, _) in enumerate(CHANGES)]
)
def test_change_is_one_request_with_the_token(
    clipper: Clipper, plane: FakePlane, change: Callable[[Clipper], object], path: str, body: dict[str, Any]
) -> None:
    change(clipper)
    (asked,) = plane.asked
    assert (asked.method, asked.path, asked.json) == ("POST", f"/admin/{path}", body)
    assert asked.headers["authorization"] == "Bearer secret"


def test_refused_change_raises_with_the_servers_words(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers["/admin/add_app"] = Answer(b"application 'a' already exists", 400, "text/plain")
    with pytest.raises(ClipperError, match="application 'a' already exists"):
        clipper.register_application("a", "doubles", "0", 1)


def test_settings_are_changed_by_name_and_answered_as_they_are_then(clipper: Clipper, admin: FakePlane) -> None:
    admin.says("/admin/set_app", {"name": "a", "cache": False, "batching": ""})
    assert clipper.set_application("a", cache=False, batching="") == {"name": "a", "cache": False, "batching": ""}
    assert admin.last.json == {"name": "a", "cache": False, "batching": ""}
    admin.says("/admin/set_model", {"model_name": "m", "batch_size": 8})
    assert clipper.set_model("m", 2, batch_size=8, batching="fixed", batch_delay_ms=1.5)["batch_size"] == 8
    assert admin.last.json == {
        "model_name": "m",
        "model_version": "2",
        "batch_size": 8,
        "batching": "fixed",
        "batch_delay_ms": 1.5,
    }
    clipper.set_model("m", batch_size=8)
    assert admin.last.json == {"model_name": "m", "batch_size": 8}


@pytest.mark.parametrize("verbose", [True, False])
def test_lists_ask_for_names_or_for_everything(clipper: Clipper, plane: FakePlane, verbose: bool) -> None:
    plane.says("/admin/get_all_applications", ["a"])
    assert clipper.get_all_apps(verbose) == ["a"]  # type: ignore[call-overload]
    assert plane.last.json == {"verbose": verbose}
    assert clipper.get_all_models(verbose) == MODELS  # type: ignore[call-overload]
    assert plane.last.json == {"verbose": verbose}
    assert clipper.get_all_model_replicas(verbose) == REPLICAS  # type: ignore[call-overload]
    assert plane.last.json == {"verbose": verbose}


def test_what_does_not_exist_is_none(clipper: Clipper, admin: FakePlane) -> None:
    for name in ("get_application", "get_model", "get_container"):
        admin.says(f"/admin/{name}", {})
    assert clipper.get_app_info("a") is None
    assert clipper.get_model_info("m", 1) is None
    assert clipper.get_model_replica_info("m", 1, 0) is None
    assert admin.last.json == {"model_name": "m", "model_version": "1", "replica_id": 0}


def test_linked_models_are_listed(clipper: Clipper, admin: FakePlane) -> None:
    admin.says("/admin/get_linked_models", ["m"])
    assert clipper.get_linked_models("a") == ["m"]


def test_current_version_is_the_marked_one(clipper: Clipper, plane: FakePlane) -> None:
    assert clipper.get_current_model_version("svm") == "10"
    with pytest.raises(ClipperError, match="'other'") as caught:
        clipper.get_current_model_version("other")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_replicas_are_counted_for_the_current_version_or_another(clipper: Clipper, plane: FakePlane) -> None:
    assert clipper.get_num_replicas("svm") == 2
    assert clipper.get_num_replicas("svm", 9) == 1
    assert clipper.get_num_replicas("svm", 11) == 0


def test_replicas_are_ready_before_a_version_becomes_current(clipper: Clipper, plane: FakePlane) -> None:
    clipper.set_model_version("svm", 9, num_replicas=2)
    assert [each.path for each in plane.asked] == ["/admin/set_num_replicas", "/admin/set_model_version"]


def test_rollback_goes_to_the_version_that_was_current_before(clipper: Clipper, plane: FakePlane) -> None:
    assert clipper.rollback("svm") == "11"
    assert plane.last.json == {"model_name": "svm", "model_version": "11"}


def test_rollback_goes_where_it_is_told(clipper: Clipper, plane: FakePlane) -> None:
    assert clipper.rollback("svm", 9) == "9"
    assert plane.last.json == {"model_name": "svm", "model_version": "9"}
    assert len(plane.asked) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bayes", "'bayes' had no version before its current one, '1': deploy another version first"),
        ("tree", "'tree' had no version before its current one, '1': name one of 2, 3"),
        ("unset", "No model with name 'unset' exists"),
        ("other", "No model with name 'other' exists"),
    ],
)
def test_rollback_without_a_version_before_says_so(clipper: Clipper, plane: FakePlane, name: str, message: str) -> None:
    with pytest.raises(ClipperError, match=message) as caught:
        clipper.rollback(name)
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert [each.path for each in plane.asked] == ["/admin/state"]


@pytest.mark.parametrize(
    ("stop", "stopped"),
    [
        (lambda c: c.stop_models(["svm"]), [("svm", "9"), ("svm", "10")]),
        (lambda c: c.stop_inactive_model_versions(["svm", "bayes"]), [("svm", "9")]),
        (lambda c: c.stop_versioned_models({"svm": [9], "bayes": ["1"]}), [("svm", "9"), ("bayes", "1")]),
        (lambda c: c.stop_all_model_containers(), [("svm", "9"), ("svm", "10"), ("bayes", "1")]),
    ],
)
def test_stopping_sets_the_replicas_of_what_runs_to_none(
    clipper: Clipper, plane: FakePlane, stop: Callable[[Clipper], None], stopped: list[tuple[str, str]]
) -> None:
    stop(clipper)
    asked = [each.json for each in plane.asked if each.path == "/admin/set_num_replicas"]
    assert [(each["model_name"], each["model_version"]) for each in asked] == stopped
    assert {each["num_replicas"] for each in asked} == {0}


def test_logs_are_asked_for_with_what_narrows_them(clipper: Clipper, admin: FakePlane) -> None:
    admin.says("/admin/get_logs", {"logs": []})
    assert clipper.get_logs("svm") == []
    assert admin.last.json == {"model_name": "svm"}
    clipper.get_logs("svm", 2, 0, 10)
    assert admin.last.json == {"model_name": "svm", "model_version": "2", "replica_id": 0, "lines": 10}


def test_logs_of_everything_are_written_to_files(clipper: Clipper, plane: FakePlane, tmp_path: Path) -> None:
    def logs(asked: Asked) -> Answer:
        name = asked.json["model_name"]
        return Answer(
            b'{"logs": [{"model": "%b", "version": "1", "replica_id": 0, "text": "hello\\n"}]}' % name.encode()
        )

    plane.answers["/admin/get_logs"] = logs
    files = clipper.get_clipper_logs(tmp_path / "logs")
    assert [each.name for each in files] == ["bayes-1-0.log", "svm-1-0.log"]
    assert {each.read_text(encoding="utf-8") for each in files} == {"hello\n"}


def test_state_is_read(clipper: Clipper, admin: FakePlane) -> None:
    admin.says("/admin/state", {"revision": 3, "applications": []})
    assert clipper.state() == {"revision": 3, "applications": []}


def test_waiting_ends_when_everything_is_ready(clipper: Clipper, admin: FakePlane) -> None:
    answers = iter([Answer(b'{"ready": false}', 503), Answer(b'{"ready": true}')])
    admin.answers["/admin/ready"] = lambda _: next(answers)
    clipper.wait_until_ready(timeout_s=5)
    assert len(admin.asked) == 2


def test_waiting_gives_up_and_says_what_is_missing(clipper: Clipper, admin: FakePlane) -> None:
    admin.says("/admin/ready", {"error": "unavailable", "cause": "svm:1 has 0 of 1 replicas"}, 503)
    with pytest.raises(ClipperError, match="svm:1 has 0 of 1 replicas") as caught:
        clipper.wait_until_ready(timeout_s=0)
    assert caught.value.code is ErrorCode.TIMEOUT


def test_waiting_for_what_cannot_come_ends_at_once(clipper: Clipper, admin: FakePlane) -> None:
    admin.answers["/admin/ready"] = Answer(b"not here", 404, "text/plain")
    with pytest.raises(ClipperError, match="not here"):
        clipper.wait_until_ready(timeout_s=60)


def test_addresses_are_those_it_was_connected_with(clipper: Clipper, query: FakePlane, admin: FakePlane) -> None:
    assert f"http://{clipper.get_query_addr()}" == query.url
    assert clipper.get_metric_addr() == clipper.get_query_addr()
    assert admin.url in repr(clipper)


def test_metrics_are_the_frontends_text(clipper: Clipper, query: FakePlane) -> None:
    query.answers["/metrics"] = Answer(b"clipper_x 1\n", content_type="text/plain; version=0.0.4")
    assert clipper.inspect_instance() == "clipper_x 1\n"


def test_server_elsewhere_cannot_be_stopped(clipper: Clipper) -> None:
    with pytest.raises(ClipperError, match="connect with its home folder"):
        clipper.stop_all()


@pytest.mark.parametrize(
    ("asked", "input_type", "expected"),
    [
        ({"input": [1, 2.5]}, "doubles", [3.5]),
        ({"input_batch": [[1], [2]]}, "ints", [1, 2]),
        ({"input_batch": [[1], [2, 3]]}, "doubles", [1, 5]),
    ],
)
def test_function_is_called_as_its_container_would(
    clipper: Clipper, asked: dict[str, Any], input_type: str, expected: list[Any]
) -> None:
    assert clipper.test_predict_function(asked, lambda xs: [sum(x) for x in xs], input_type) == expected


def test_function_of_texts_and_of_bytes_gets_them(clipper: Clipper) -> None:
    assert clipper.test_predict_function({"input": "abc"}, lambda xs: [x.upper() for x in xs], "strings") == ["ABC"]
    assert clipper.test_predict_function({"input": b"\x00\x01"}, lambda xs: [len(x) for x in xs], "bytes") == [2]


def test_function_that_answers_too_little_is_told(clipper: Clipper) -> None:
    with pytest.raises(ClipperError, match="1 outputs, expected 2"):
        clipper.test_predict_function({"input_batch": [[1], [2]]}, lambda xs: [0], "doubles")


def test_function_that_raises_is_seen_as_it_is(clipper: Clipper) -> None:
    with pytest.raises(ZeroDivisionError):
        clipper.test_predict_function({"input": [1]}, lambda xs: [1 / 0], "doubles")


@pytest.mark.parametrize("asked", [{}, {"input_batch": []}, {"input_batch": 3}])
def test_query_without_input_is_refused(clipper: Clipper, asked: dict[str, Any]) -> None:
    with pytest.raises(ClipperError, match="Invalid query"):
        clipper.test_predict_function(asked, list, "doubles")


def test_missing_query_address_is_said() -> None:
    with connect(admin_url="http://127.0.0.1:9") as client, pytest.raises(ClipperError, match="query frontend"):
        client.application("a").predict([1])
