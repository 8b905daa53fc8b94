"""The original's deployers say with their own words what `deploy_model` says."""

import io
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from clipper.client import Clipper, ClipperError
from clipper.container.archive import unpack
from clipper.container.bundle import read_manifest
from tests.unit.client.fake import Answer, FakePlane
from tests.unit.client.test_deployments import DEPLOY, READY, lines


def doubled(inputs: Any) -> Any:
    return inputs * 2


def predicted(model: Any, inputs: Any) -> Any:
    return model.predict(inputs)


def test_endpoint_is_an_application_with_a_model_of_its_name(
    clipper: Clipper, admin: FakePlane, tmp_path: Path
) -> None:
    admin.answers["/admin/add_app"] = Answer(body=b'"made"')
    admin.answers[DEPLOY] = lines(READY)
    clipper.create_endpoint("m", "doubles", doubled, pkgs_to_install=["iniconfig"], labels=["a"])
    assert admin.last.query["app_name"] == admin.last.query["model_name"] == "m"
    assert admin.last.query["labels"] == "a"
    unpack(io.BytesIO(admin.last.body), tmp_path / "bundle")
    manifest = read_manifest(tmp_path / "bundle")
    assert (manifest.framework, manifest.requirements, manifest.function) == ("python", ("iniconfig",), "")


def test_endpoint_of_a_model_has_a_function_of_both(clipper: Clipper, admin: FakePlane, tmp_path: Path) -> None:
    admin.answers["/admin/add_app"] = Answer(body=b'"made"')
    admin.answers[DEPLOY] = lines(READY)
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    clipper.create_endpoint("m", "doubles", predicted, model)
    unpack(io.BytesIO(admin.last.body), tmp_path / "bundle")
    manifest = read_manifest(tmp_path / "bundle")
    assert (manifest.framework, manifest.function) == ("sklearn", "predict.pkl")


@pytest.mark.parametrize(
    ("deployer", "framework"),
    [
        ("deploy_pytorch_model", "torch"),
        ("deploy_tensorflow_model", "tensorflow"),
        ("deploy_keras_model", "tensorflow"),
        ("deploy_mxnet_model", "mxnet"),
        ("deploy_pyspark_model", "spark"),
    ],
)
def test_deployer_takes_models_of_its_framework_only(clipper: Clipper, deployer: str, framework: str) -> None:
    with pytest.raises(ClipperError, match=f"'{framework}'"):
        getattr(clipper, deployer)("m", 1, "doubles", predicted, object(), pkgs_to_install=["numpy"])
