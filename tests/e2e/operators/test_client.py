"""The operator's vocabulary against a real server."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from clipper.client import Clipper, ClipperError, Progress, connect
from clipper.core.errors import ErrorCode
from clipper.management.launchers.priority import may_raise
from tests.e2e.operators.conftest import processes_of, start_server


def answering(label: str) -> Any:
    return lambda inputs: [label for _ in inputs]


def test_version_is_deployed_replaced_and_rolled_back(clipper: Clipper) -> None:
    told: list[Progress] = []
    clipper.register_application("rolled", "doubles", "none", 500_000)
    clipper.deploy_model("rolled", 1, answering("one"), example=[0.0], app_name="rolled", on_progress=told.append)
    application = clipper.application("rolled")
    assert application.predict([1.0]).output == "one"
    assert [each.stage for each in told if each.stage in ("upload", "start", "switch")] == ["upload", "start", "switch"]
    clipper.deploy_model("rolled", 2, answering("two"))
    assert application.predict([1.0]).output == "two"
    assert application.predict([1.0], version=1).output == "one"
    assert clipper.rollback("rolled") == "1"
    assert application.predict([1.0]).output == "one"
    assert clipper.get_current_model_version("rolled") == "1"
    clipper.set_model_version("rolled", 2, num_replicas=2)
    assert clipper.get_num_replicas("rolled") == 2


def priority() -> list[int]:
    """How nice this process is, and its session where there is such a thing."""
    autogroup = Path("/proc/self/autogroup")
    words = autogroup.read_text().split() if autogroup.exists() else []  # none in what the kernel itself began
    return [os.getpriority(os.PRIO_PROCESS, 0), int(words[-1]) if words else 0]


class Witness:
    """Answers the priorities with which it was loaded and now has."""

    loaded: list[int]

    def __setstate__(self, _: object) -> None:
        self.loaded = priority()

    def __getstate__(self) -> str:
        return "loaded anew"

    def predict_batch(self, inputs: Any) -> list[Any]:
        return [[self.loaded, priority()] for _ in inputs]


def test_model_is_loaded_in_the_background_and_serves_in_the_foreground(clipper: Clipper) -> None:
    clipper.register_application("witness", "doubles", "none", 500_000)
    clipper.deploy_model("witness", 1, Witness(), example=[0.0], app_name="witness")
    loaded, serving = clipper.application("witness").predict([1.0]).output
    assert serving == [os.getpriority(os.PRIO_PROCESS, 0), 0]
    assert loaded == [
        serving[0] + 10 if may_raise() else serving[0],
        10 if Path("/proc/self/autogroup").exists() else 0,
    ]


def test_rollback_follows_what_was_current_not_the_numbers(clipper: Clipper) -> None:
    for version in (1, 2):
        clipper.deploy_model("followed", version, answering(str(version)))
    assert clipper.rollback("followed") == "1"
    clipper.deploy_model("followed", 3, answering("3"))
    assert clipper.rollback("followed") == "1"
    with pytest.raises(ClipperError, match="name one of 2, 3"):
        clipper.rollback("followed")
    assert clipper.get_current_model_version("followed") == "1"


def test_stopped_version_comes_back_with_a_rollback(clipper: Clipper) -> None:
    clipper.register_application("stopped", "doubles", "none", 500_000)
    clipper.deploy_model("stopped", 1, answering("one"), app_name="stopped")
    clipper.deploy_model("stopped", 2, answering("two"))
    clipper.stop_inactive_model_versions(["stopped"])
    assert clipper.get_num_replicas("stopped", 1) == 0
    clipper.rollback("stopped")
    assert clipper.application("stopped").predict([1.0]).output == "one"
    clipper.stop_models(["stopped"])
    prediction = clipper.application("stopped").predict([1.0])
    assert (prediction.output, prediction.default) == ("none", True)


def test_everything_that_exists_is_described(clipper: Clipper) -> None:
    clipper.register_application("described", "doubles", "0", 20_000)
    clipper.deploy_model("described", "v1", answering("x"), labels=["a"], batch_size=4, app_name="described")
    assert "described" in clipper.get_all_apps()
    application = clipper.get_app_info("described")
    assert application is not None
    assert (application["latency_slo_micros"], application["default_output"]) == (20_000, "0")
    assert clipper.get_linked_models("described") == ["described"]
    assert "described:v1" in clipper.get_all_models()
    model = clipper.get_model_info("described", "v1")
    assert model is not None
    assert (model["labels"], model["batch_size"], model["is_current_version"]) == (["a"], 4, True)
    replica = clipper.get_model_replica_info("described", "v1", 0)
    assert replica is not None
    assert replica["state"] == "ready"
    assert "described:v1:0" in clipper.get_all_model_replicas()
    assert "described" in {each["name"] for each in clipper.state()["applications"]}
    assert 'application="described"' in clipper.inspect_instance()
    for missing in (clipper.get_app_info("no"), clipper.get_model_info("no", 1)):
        assert missing is None
    clipper.wait_until_ready(timeout_s=30)


def test_links_are_changed_in_one_step(clipper: Clipper) -> None:
    clipper.register_application("linked", "doubles", "0", 500_000)
    for name in ("linked-a", "linked-b"):
        clipper.deploy_model(name, 1, answering(name))
    clipper.link_model_to_app("linked", "linked-a")
    clipper.set_linked_models("linked", ["linked-b"])
    assert clipper.application("linked").predict([1.0]).output == "linked-b"
    with pytest.raises(ClipperError, match="in use"):
        clipper.delete_model("linked-b")
    clipper.unlink_model_from_app("linked", "linked-b")
    clipper.delete_model("linked-b")
    clipper.unregister_application("linked")
    assert clipper.get_app_info("linked") is None
    assert clipper.get_model_info("linked-b", 1) is None


def test_estimator_answers_as_it_does_here(clipper: Clipper, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(50, 4))
    model = LogisticRegression().fit(inputs, inputs.sum(axis=1) > 0)
    joblib.dump(model, tmp_path / "model.joblib")
    clipper.register_application("estimator", "doubles", "null", 500_000)
    clipper.deploy_model("estimator", 1, tmp_path / "model.joblib", app_name="estimator")
    answered = clipper.application("estimator").predict_batch(inputs)
    assert [each.output for each in answered] == model.predict(inputs).tolist()


def test_model_that_cannot_be_imported_names_the_package_and_leaves_nothing(clipper: Clipper) -> None:
    def needs(inputs: Any) -> Any:
        return import_module("package_that_is_not_there").predict(inputs)

    with pytest.raises(ClipperError, match="package_that_is_not_there") as caught:
        clipper.deploy_python_closure("missing", 1, "doubles", needs, example=[0.0])
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert 'import_module("package_that_is_not_there")' in caught.value.detail
    assert clipper.get_model_info("missing", 1) is None


def test_version_that_exists_is_refused(clipper: Clipper) -> None:
    clipper.deploy_model("twice", 1, answering("x"))
    with pytest.raises(ClipperError, match="already exists") as caught:
        clipper.deploy_model("twice", 1, answering("y"))
    assert caught.value.code is ErrorCode.ALREADY_EXISTS
    clipper.register_application("twice", "doubles", "0", 1000)
    with pytest.raises(ClipperError, match="already exists") as caught:
        clipper.register_application("twice", "doubles", "0", 1000)
    assert caught.value.code is ErrorCode.ALREADY_EXISTS


def test_large_bundle_refused_at_the_start_still_says_why(clipper: Clipper) -> None:
    weights = np.random.default_rng(1).bytes(30_000_000)
    with pytest.raises(ClipperError, match="No application with name 'nowhere'"):
        clipper.deploy_model("large", 1, lambda xs: [len(weights) for _ in xs], app_name="nowhere")


def test_wrong_token_is_refused_and_reading_needs_none(clipper: Clipper) -> None:
    with connect(admin_url=clipper._admin.base_url, token="0" * 64) as stranger:
        assert isinstance(stranger.get_all_apps(), list)
        with pytest.raises(ClipperError) as caught:
            stranger.unregister_application("x")
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
    with connect(admin_url=clipper._admin.base_url) as stranger, pytest.raises(ClipperError) as caught:
        stranger.deploy_model("stranger", 1, answering("x"))
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert "token" in caught.value.message


def test_logs_hold_what_a_model_printed(clipper: Clipper, tmp_path: Path) -> None:
    def noisy(inputs: Any) -> Any:
        print("seen", len(inputs))  # noqa: T201
        return [0 for _ in inputs]

    clipper.deploy_model("noisy", 1, noisy, example=[0.0])
    (log,) = clipper.get_logs("noisy")
    assert "seen 1" in log["text"]
    assert any("seen 1" in path.read_text(encoding="utf-8") for path in clipper.get_clipper_logs(tmp_path))


def test_server_is_stopped_and_everything_comes_back(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    with connect(tmp_path) as clipper:
        clipper.register_application("kept", "doubles", "0", 500_000)
        clipper.deploy_model("kept", 1, answering("x"), app_name="kept")
        clipper.stop_all()
    assert server.wait(1) == 0
    assert processes_of(tmp_path) == []
    with pytest.raises(ClipperError, match="clipper serve"):
        connect(tmp_path)
    server = start_server(tmp_path)
    with connect(tmp_path) as clipper:
        clipper.wait_until_ready()
        assert clipper.application("kept").predict([1.0]).output == "x"
        clipper.stop_all()
        clipper.stop_all()
    assert server.wait(1) == 0
