"""`clipper app`, `model`, `rollback` and `replica` send the client's requests and print their answers."""

import json
from typing import Any

import pytest

from clipper.cli.models import batch_text
from tests.unit.cli.conftest import Run
from tests.unit.client.fake import Answer, FakePlane

DONE = Answer(b"Success!", content_type="text/plain")
APPLICATION = {
    "name": "digits",
    "input_type": "doubles",
    "default_output": "null",
    "latency_slo_micros": 20_000,
    "policy": "majority",
    "linked_models": ["svm", "bayes"],
}


def model(version: str, *, current: bool = False) -> dict[str, Any]:
    return {
        "model_name": "svm",
        "model_version": version,
        "is_current_version": current,
        "input_type": "doubles",
        "batch_size": -1,
        "batching": "",
        "num_replicas": 1,
        "labels": ["a", "b"],
    }


REPLICA = {
    "model_name": "svm",
    "model_version": "2",
    "model_replica_id": 4,
    "state": "backoff",
    "pid": 0,
    "restarts": 3,
    "error": "Traceback\n  line\nValueError: no\n",
}


@pytest.fixture(autouse=True)
def plane(admin: FakePlane, query: FakePlane) -> FakePlane:
    admin.says("/admin/get_all_applications", [APPLICATION])
    admin.says("/admin/get_application", APPLICATION)
    admin.says("/admin/get_linked_models", ["svm", "bayes"])
    admin.says("/admin/get_all_models", [model("1"), model("2", current=True)])
    versions = [("1", "", False), ("2", "1", True)]
    models = [{"name": "svm", "version": v, "previous": before, "current": current} for v, before, current in versions]
    admin.says("/admin/state", {"models": models})
    admin.says("/admin/get_model", model("2", current=True))
    admin.says("/admin/get_all_containers", [REPLICA])
    admin.says("/admin/set_num_replicas", {})
    admin.says("/admin/set_app", {**APPLICATION, "priority": 5})
    admin.says("/admin/set_model", {**model("2", current=True), "batching": "fixed", "batch_size": 64})
    admin.says("/admin/delete_model", {})
    for name in ("add_app", "delete_app", "add_model_links", "delete_model_links", "delete_versioned_model"):
        admin.answers[f"/admin/{name}"] = DONE
    admin.answers["/admin/set_model_version"] = DONE
    return admin


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["app", "delete", "digits"], "delete_app", {"name": "digits"}),
        (["model", "delete", "svm"], "delete_model", {"model_name": "svm"}),
        (
            ["model", "delete", "svm", "--version", "1"],
            "delete_versioned_model",
            {"model_name": "svm", "model_version": "1"},
        ),
        (["model", "set-version", "svm", "1"], "set_model_version", {"model_name": "svm", "model_version": "1"}),
        (["rollback", "svm"], "set_model_version", {"model_name": "svm", "model_version": "1"}),
        (["rollback", "svm", "--to", "2"], "set_model_version", {"model_name": "svm", "model_version": "2"}),
        (["replica", "set", "svm", "2"], "set_num_replicas", {"model_name": "svm", "num_replicas": 2}),
        (
            ["replica", "set", "svm", "0", "--version", "1"],
            "set_num_replicas",
            {"model_name": "svm", "num_replicas": 0, "model_version": "1"},
        ),
    ],
)
def test_change_is_sent_and_said(
    run: Run, plane: FakePlane, arguments: list[str], path: str, body: dict[str, Any]
) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (plane.last.path, plane.last.json) == (f"/admin/{path}", body)
    assert plane.last.headers["authorization"] == "Bearer secret"
    assert result.stdout.count("\n") == 1


def test_application_is_created_with_its_objective_in_milliseconds(
    run: Run, plane: FakePlane, query: FakePlane
) -> None:
    result = run("app", "create", "digits", "--input-type", "floats", "--default", "0", "--slo-ms", 2.5)
    assert plane.last.json == {
        "name": "digits",
        "input_type": "floats",
        "default_output": "0",
        "latency_slo_micros": 2500,
    }
    assert f"POST {query.url}/digits/predict" in result.stdout


def test_settings_are_sent_if_they_are_said(run: Run, plane: FakePlane) -> None:
    flags = ["--priority", 5, "--no-cache", "--cache-ttl-s", 1.5, "--max-disagreement", 0.02, "--batching", "aimd"]
    flags += ["--confidence-threshold", 0.8]
    settings = {"priority": 5, "cache": False, "cache_ttl_s": 1.5, "max_disagreement": 0.02, "batching": "aimd"}
    settings["confidence_threshold"] = 0.8
    assert run("app", "create", "digits", *flags).exit_code == 0
    assert plane.last.json == {
        "name": "digits",
        "input_type": "doubles",
        "default_output": "null",
        "latency_slo_micros": 100_000,
        **settings,
    }
    result = run("app", "set", "digits", *flags)
    assert plane.last.json == {"name": "digits", **settings}
    assert "priority            5\n" in result.stdout


def test_policy_is_sent_with_its_settings_and_said_to_start_anew(run: Run, plane: FakePlane) -> None:
    flags = ["--policy", "hedge", "--policy-config", '{"eta": 0.1}']
    assert run("app", "create", "digits", *flags).exit_code == 0
    assert (plane.last.json["policy"], plane.last.json["policy_config"]) == ("hedge", {"eta": 0.1})
    plane.says("/admin/get_application", {**APPLICATION, "epoch": 3})
    plane.says("/admin/set_app", {**APPLICATION, "policy": "hedge", "epoch": 4})
    result = run("app", "set", "digits", *flags)
    assert plane.last.json == {"name": "digits", "policy": "hedge", "policy_config": {"eta": 0.1}}
    assert result.stdout.endswith("What majority had learned is forgotten; hedge starts anew\n")
    plane.says("/admin/set_app", {**APPLICATION, "epoch": 3})
    assert "forgotten" not in run("app", "set", "digits", "--policy-config", "{}").stdout
    for wrong in ("[]", "{", "eta=1"):
        assert "expected a JSON object" in run("app", "set", "digits", "--policy-config", wrong).stderr


@pytest.mark.parametrize(("version", "said"), [([], {}), (["1"], {"model_version": "1"})])
def test_model_settings_are_sent_if_they_are_said(
    run: Run, plane: FakePlane, version: list[str], said: dict[str, str]
) -> None:
    flags = ["--batching", "fixed", "--batch-size", 64, "--batch-delay-ms", -1]
    result = run("model", "set", "svm", *version, *flags)
    assert plane.last.json == {
        "model_name": "svm",
        "batch_size": 64,
        "batching": "fixed",
        "batch_delay_ms": -1.0,
        **said,
    }
    assert "batch_size          64\n" in result.stdout


@pytest.mark.parametrize(
    ("batching", "batch_size", "text"),
    [("", -1, "adaptive"), ("", 64, "64"), ("fixed", 64, "64"), ("none", -1, "none"), ("deadline", 64, "deadline")],
)
def test_batching_is_said_in_a_word(batching: str, batch_size: int, text: str) -> None:
    assert batch_text(batching, batch_size) == text


@pytest.mark.parametrize(("verb", "path"), [("link", "add_model_links"), ("unlink", "delete_model_links")])
def test_links_are_changed_one_by_one(run: Run, plane: FakePlane, verb: str, path: str) -> None:
    result = run("app", verb, "digits", "svm", "bayes")
    asked = [each.json["model_names"] for each in plane.asked if each.path == f"/admin/{path}"]
    assert asked == [["svm"], ["bayes"]]
    assert "asks svm, bayes" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["app", "list"], ["digits", "doubles", "20 ms", "svm, bayes"]),
        (["app", "show", "digits"], ["latency_slo_micros", "20000", "svm, bayes"]),
        (["model", "list"], ["svm", "current", "adaptive", "a, b"]),
        (["model", "show", "svm"], ["is_current_version", "yes"]),
        (["replica", "list"], ["svm", "backoff", "ValueError: no"]),
    ],
)
def test_listing_is_for_people(run: Run, arguments: list[str], words: list[str]) -> None:
    shown = run(*arguments).stdout
    for word in words:
        assert word in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["app", "list"], [APPLICATION]),
        (["app", "show", "digits"], APPLICATION),
        (["model", "list"], [model("1"), model("2", current=True)]),
        (["model", "show", "svm"], model("2", current=True)),
        (["replica", "list"], [REPLICA]),
        (["replica", "list", "svm"], [REPLICA]),
        (["replica", "list", "other"], []),
    ],
)
def test_listing_is_json_for_programs(run: Run, arguments: list[str], expected: object) -> None:
    assert json.loads(run(*arguments, "--json").stdout) == expected


@pytest.mark.parametrize("what", ["app", "model", "replica"])
def test_empty_listing_says_so(run: Run, plane: FakePlane, what: str) -> None:
    for name in ("applications", "models", "containers"):
        plane.says(f"/admin/get_all_{name}", [])
    assert run(what, "list").stdout.startswith("No ")


def test_what_does_not_exist_is_not_shown(run: Run, plane: FakePlane) -> None:
    plane.says("/admin/get_application", {})
    plane.says("/admin/get_model", {})
    assert "`clipper app list`" in run("app", "show", "x").stderr
    assert "`clipper model list`" in run("model", "show", "svm", "--version", "9").stderr
