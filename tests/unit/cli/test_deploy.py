"""`clipper deploy` goes from a path or a function to a current version, and to an application if one is named."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clipper.cli.deploy import default_name, load_model
from clipper.container.archive import unpack
from clipper.container.bundle import Manifest, read_manifest
from clipper.core.errors import ClipperError, ErrorCode
from tests.unit.cli.conftest import Run
from tests.unit.client.fake import Answer, FakePlane

SOURCE = """
class Scale:
    def predict_batch(self, inputs):
        return [float(sum(each)) * 2 for each in inputs]
scale = Scale()
def total(inputs):
    return [float(sum(each)) for each in inputs]
def broken(inputs):
    return inputs["a"]
"""
READY = {"event": "ready", "model": "m", "version": "1"}
DONE = Answer(b"Success!", content_type="text/plain")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with the operator's module, forgotten afterwards."""
    (tmp_path / "my_model.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    yield tmp_path
    sys.modules.pop("my_model", None)


@pytest.fixture
def plane(admin: FakePlane, query: FakePlane) -> FakePlane:
    admin.answers["/admin/deploy"] = Answer(
        content_type="application/x-ndjson",
        lines=[
            json.dumps(each).encode() + b"\n"
            for each in ({"event": "progress", "stage": "start", "message": "Go"}, READY)
        ],
    )
    admin.says("/admin/get_all_models", [])
    admin.says("/admin/get_application", {})
    admin.says("/admin/get_model", {"input_type": "doubles"})
    admin.says("/admin/get_linked_models", [])
    admin.answers["/admin/add_app"] = DONE
    admin.answers["/admin/add_model_links"] = DONE
    return admin


def uploaded(plane: FakePlane, folder: Path) -> tuple[dict[str, str], Manifest]:
    (asked,) = (each for each in plane.asked if each.path == "/admin/deploy")
    unpack(io.BytesIO(asked.body), folder / "uploaded")
    return asked.query, read_manifest(folder / "uploaded")


def changes(plane: FakePlane) -> list[tuple[str, dict[str, Any]]]:
    return [(each.path, each.json) for each in plane.asked if each.path in ("/admin/add_app", "/admin/add_model_links")]


def test_function_is_deployed_with_what_is_said_of_it(run: Run, plane: FakePlane, folder: Path) -> None:
    flags = ["--name", "sum", "--version", "v1", "--input-type", "floats", "--example", "[1, 2]"]
    result = run("deploy", "my_model:total", *flags, "--replicas", 2, "--batch-size", 8)
    assert (result.exit_code, result.stdout) == (0, "Model sum answers with version v1\n")
    query, manifest = uploaded(plane, folder)
    assert query == {"model_name": "sum", "model_version": "v1", "replicas": "2", "batch_size": "8", "labels": ""}
    assert (manifest.input_type, manifest.example) == ("floats", [1, 2])


def test_batching_is_sent_if_it_is_said(run: Run, plane: FakePlane, folder: Path) -> None:
    run("deploy", "my_model:total", "--batching", "quantile", "--batch-delay-ms", -1)
    query, _ = uploaded(plane, folder)
    assert (query["batching"], query["batch_delay_ms"]) == ("quantile", "-1.0")


def test_stages_are_shown_beside_the_result(run: Run, plane: FakePlane) -> None:
    stages = [line.split()[1] for line in run("deploy", "my_model:total", "--example", "[1]").stderr.splitlines()]
    assert stages == ["package", "dry-run", "upload", "start"]


def test_requirements_are_repeated(run: Run, plane: FakePlane, folder: Path) -> None:
    run("deploy", "my_model:total", "--requirement", "numpy", "--requirement", "scipy>=1")
    assert uploaded(plane, folder)[1].requirements == ("numpy", "scipy>=1")


def test_example_comes_from_a_file(run: Run, plane: FakePlane, folder: Path) -> None:
    (folder / "x.json").write_text("[3]", encoding="utf-8")
    run("deploy", "my_model:total", "--example", "@x.json")
    assert uploaded(plane, folder)[1].example == [3]


@pytest.mark.parametrize(
    ("versions", "expected"), [([], "1"), (["1", "2"], "3"), (["9", "10", "beta"], "11"), (["beta"], "1")]
)
def test_version_is_the_next_number(
    run: Run, plane: FakePlane, folder: Path, versions: list[str], expected: str
) -> None:
    others = [{"model_name": "other", "model_version": "40"}]
    plane.says("/admin/get_all_models", others + [{"model_name": "total", "model_version": each} for each in versions])
    run("deploy", "my_model:total")
    assert uploaded(plane, folder)[0]["model_version"] == expected


def test_missing_application_is_made_for_a_model_that_works(run: Run, plane: FakePlane) -> None:
    result = run("deploy", "my_model:total", "--app", "sums", "--slo-ms", 20)
    application = {"name": "sums", "input_type": "doubles", "default_output": "null", "latency_slo_micros": 20_000}
    links = {"app_name": "sums", "model_names": ["total"]}
    assert changes(plane) == [("/admin/add_app", application), ("/admin/add_model_links", links)]
    assert "clipper predict sums" in result.stdout


def test_application_that_exists_says_the_input_type(run: Run, plane: FakePlane, folder: Path) -> None:
    plane.says("/admin/get_application", {"name": "sums", "input_type": "integers"})
    run("deploy", "my_model:total", "--app", "sums")
    assert uploaded(plane, folder)[1].input_type == "integers"
    assert [path for path, _ in changes(plane)] == ["/admin/add_model_links"]


def test_model_that_is_linked_is_not_linked_again(run: Run, plane: FakePlane) -> None:
    plane.says("/admin/get_application", {"name": "sums", "input_type": "doubles"})
    plane.says("/admin/get_linked_models", ["total"])
    run("deploy", "my_model:total", "--app", "sums")
    assert changes(plane) == []


def test_no_link_leaves_the_application_without_it(run: Run, plane: FakePlane) -> None:
    run("deploy", "my_model:total", "--app", "sums", "--no-link")
    assert [path for path, _ in changes(plane)] == ["/admin/add_app"]


def test_objective_of_an_application_that_exists_is_not_changed(run: Run, plane: FakePlane) -> None:
    plane.says("/admin/get_application", {"name": "sums", "input_type": "doubles"})
    assert "--slo-ms" in run("deploy", "my_model:total", "--app", "sums", "--slo-ms", 5).stderr
    assert all(each.path != "/admin/deploy" for each in plane.asked)


def test_model_that_fails_makes_no_application(run: Run, plane: FakePlane) -> None:
    failed = {"event": "failed", "error": "model_failed", "cause": "It broke", "detail": "Traceback\n  here\n"}
    plane.answers["/admin/deploy"] = Answer(
        content_type="application/x-ndjson", lines=[json.dumps(failed).encode() + b"\n"]
    )
    result = run("deploy", "my_model:total", "--app", "sums")
    assert result.exit_code == 1
    assert result.stderr.endswith("Traceback\n  here\nerror: It broke\n")
    assert changes(plane) == []


def test_dry_run_needs_no_server(run: Run) -> None:
    result = run("deploy", "my_model:total", "--example", "[1, 2]", "--dry-run")
    assert result.exit_code == 0
    assert "3.0" in result.stdout


def test_dry_run_shows_the_traceback(run: Run) -> None:
    result = run("deploy", "my_model:broken", "--example", "[1, 2]", "--dry-run")
    assert result.exit_code == 1
    assert 'return inputs["a"]' in result.stderr


def test_dry_run_says_that_requirements_are_left_out(run: Run) -> None:
    flags = ["--example", "[1]", "--requirement", "numpy", "--dry-run"]
    assert "not installed for a dry run" in run("deploy", "my_model:total", *flags).stderr


@pytest.mark.parametrize("model", ["my_model:scale", "my_model.py:scale", "my_model:Scale.predict_batch"])
def test_name_in_a_module_is_found(model: str) -> None:
    assert type(load_model(model)).__name__ in ("Scale", "function")


def test_path_stays_a_path(folder: Path) -> None:
    (folder / "a:b.joblib").touch()
    assert load_model("model.joblib") == "model.joblib"
    assert load_model("a:b.joblib") == "a:b.joblib"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("no_such_module:f", "no module 'no_such_module'"),
        ("nothing.py:f", "no file 'nothing.py'"),
        ("my_model:nothing", "no 'nothing' in 'my_model'"),
    ],
)
def test_what_is_not_there_is_named(model: str, expected: str) -> None:
    with pytest.raises(ClipperError, match=expected) as caught:
        load_model(model)
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_module_that_does_not_import_comes_with_its_traceback(folder: Path) -> None:
    (folder / "bad_module.py").write_text("import no_such_thing\n", encoding="utf-8")
    with pytest.raises(ClipperError, match="no_such_thing") as caught:
        load_model("bad_module:f")
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert "Traceback" in caught.value.detail


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("model.joblib", "model"),
        ("/a/My_Model v2.joblib", "my-model-v2"),
        ("pkg.mod:predict_all", "predict-all"),
        ("___.pkl", "model"),
    ],
)
def test_name_is_made_of_the_files_or_the_functions(model: str, name: str) -> None:
    assert default_name(model) == name


def test_missing_file_is_refused(run: Run, plane: FakePlane) -> None:
    assert "nothing.joblib" in run("deploy", "nothing.joblib").stderr
