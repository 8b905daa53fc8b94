"""Containers in other languages, deployed from their folder to a real server and queried over HTTP."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from clipper.client import Clipper, ClipperError
from clipper.container.bundle import COMMAND, Manifest, write_bundle
from clipper.core.errors import ErrorCode
from clipper.core.inputs import InputType

CONTAINERS = Path(__file__).parents[3] / "containers"
LEGACY = CONTAINERS / "python-legacy" / "clipper_container.py"

WEIGHTS = "0 1 0\n0.5 0 1\n"
"""Two classes of two features."""

OLD_MODEL = """
import sys
import iniconfig  # a requirement, so that this runs in an environment of its own

def load(bundle):
    factor = float((bundle / "factor.txt").read_text())
    def predict_batch(inputs):
        if any(sum(each) < 0 for each in inputs):
            raise ValueError("a sum below zero")
        return [{"python": "%d.%d" % sys.version_info[:2], "sum": factor * sum(each)} for each in inputs]
    return predict_batch
"""


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the linear classifier in C++ and its weights."""
    folder = tmp_path_factory.mktemp("linear")
    subprocess.run(["make", "-C", str(CONTAINERS / "cpp"), f"BUILD={folder}", str(folder / "linear")], check=True)
    (folder / "weights.txt").write_text(WEIGHTS)
    return folder


def test_program_in_cpp_answers_queries(clipper: Clipper, linear: Path) -> None:
    clipper.register_application("cpp", "doubles", "none", 500_000)
    clipper.deploy_model("cpp", 1, linear, command=["linear"], example=[0.0, 0.0], app_name="cpp", num_replicas=2)
    application = clipper.application("cpp")
    assert [application.predict(each).output for each in ([1.0, 0.0], [0.0, 1.0], [0.0, 0.0])] == [0, 1, 1]
    misfit = application.predict([1.0, 2.0, 3.0])
    assert misfit.default
    clipper.set_num_replicas("cpp", 1)
    assert application.predict([2.0, 0.0]).output == 0


def test_model_of_an_old_python_runs_in_an_environment_of_its_own(clipper: Clipper, tmp_path: Path) -> None:
    old = sorted(Path.home().glob(".pyenv/versions/3.[89].*"))
    python = ".".join(old[0].name.split(".")[:2]) if old else ".".join(platform.python_version_tuple()[:2])
    manifest = Manifest(
        framework=COMMAND,
        entry="model.py",
        input_type=InputType.DOUBLES,
        example=[1.0, 2.0],
        requirements=("iniconfig",),
        python=python,
        command=("python", "clipper_container.py", "model.py"),
    )
    files: dict[str, bytes | Path] = {"model.py": OLD_MODEL.encode(), "factor.txt": b"10", LEGACY.name: LEGACY}
    write_bundle(tmp_path / "bundle", manifest, files)
    clipper.register_application("old", "doubles", "none", 500_000)
    clipper.deploy_model("old", 1, tmp_path / "bundle", app_name="old")
    assert clipper.application("old").predict([1.0, 2.0]).output == {"python": python, "sum": 30.0}
    assert clipper.application("old").predict([-1.0]).default


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["linear", "--unknown"], ErrorCode.MODEL_FAILED, "--bundle DIR --listen ADDRESS"),
        (["nowhere"], ErrorCode.UNAVAILABLE, "neither a file of the bundle nor a program"),
    ],
)
def test_command_that_does_not_start_leaves_nothing(
    clipper: Clipper, linear: Path, command: list[str], code: ErrorCode, message: str
) -> None:
    with pytest.raises(ClipperError) as caught:
        clipper.deploy_model("broken", 1, linear, command=command, example=[0.0, 0.0])
    assert (caught.value.code, message in caught.value.message + caught.value.detail) == (code, True)
    assert clipper.get_all_models() == [each for each in clipper.get_all_models() if each != "broken"]


def test_weights_that_are_broken_are_named(clipper: Clipper, linear: Path, tmp_path: Path) -> None:
    shutil.copytree(linear, tmp_path / "broken")
    (tmp_path / "broken" / "weights.txt").write_text("0 1 0\n0.5 none\n")
    with pytest.raises(ClipperError, match=r"weights.txt: line 2") as caught:
        clipper.deploy_model("broken", 1, tmp_path / "broken", command=["linear"], example=[0.0, 0.0])
    assert caught.value.code is ErrorCode.MODEL_FAILED
