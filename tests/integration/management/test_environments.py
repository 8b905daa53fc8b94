"""Models with requirements run in environments of their own, built by the real pip, once, shared, and isolated."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clipper.container.bundle import Manifest
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.management.config import ArtifactConfig
from clipper.management.environments import EnvironmentFolder

if TYPE_CHECKING:
    from tests.integration.management.conftest import ControllerProcess

TINY = "iniconfig"
"""One small pure Python package that the tests' own environment has too, so that its absence is not mistaken."""


def where_things_are(inputs: Any) -> Any:
    import importlib.util

    import iniconfig  # noqa: F401 - it is the requirement
    import numpy

    if "/envs/" not in numpy.__file__ or importlib.util.find_spec("starlette") is not None:
        raise RuntimeError(f"The server's packages leaked in: {numpy.__file__}")  # no assert: pytest rewrites those
    return [0 for _ in inputs]


def total(inputs: Any) -> list[float]:
    return [float(sum(each)) for each in inputs]


@pytest.mark.timeout(300)
def test_requirements_are_installed_once_and_apart_from_the_server(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    stages: dict[str, list[tuple[str, str]]] = {"1": [], "2": []}

    def deploy(version: str) -> None:
        clipper.deploy_model(
            "m",
            version,
            where_things_are,
            example=[1.0],
            requirements=[TINY],
            on_progress=lambda each: stages[version].append((each.stage, each.message)),
        )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(deploy, ["1", "2"]))
    for version in ("1", "2"):
        lines = [message for stage, message in stages[version] if stage == "environment"]
        assert any(line.startswith("Successfully installed") for line in lines)
    assert "clipper_environments_built_total 1.0" in clipper._admin.get("/metrics")
    controller.kill()
    clipper = controller.start()
    clipper.wait_until_ready()
    clipper.set_num_replicas("m", 2, "1")
    assert "clipper_environments_built_total 0.0" in clipper._admin.get("/metrics")


def test_requirement_that_does_not_exist_is_told_in_pips_words(controller: "ControllerProcess") -> None:
    clipper = controller.start(environment={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""})
    with pytest.raises(ClipperError, match="correct its requirements") as caught:
        clipper.deploy_model("m", 1, total, requirements=["clipper-has-no-such-package==9.9"])
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert "clipper-has-no-such-package==9.9" in caught.value.detail
    assert clipper.get_all_models() == []
    assert [each.name for each in (controller.home / "envs").iterdir()] == []


def test_build_that_takes_too_long_is_given_up(controller: "ControllerProcess") -> None:
    clipper = controller.start(artifacts={"build_timeout_s": 0.2})
    with pytest.raises(ClipperError, match=r"took more than 0\.2 s") as caught:
        clipper.deploy_model("m", 1, total, requirements=["clipper-has-no-such-package"])
    assert caught.value.code is ErrorCode.TIMEOUT
    assert not list((controller.home / "envs").iterdir())


def test_server_without_pip_gives_the_environment_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    environments = EnvironmentFolder(tmp_path, {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1"}, ArtifactConfig())
    wanted = Manifest(
        framework="python",
        entry="function.pkl",
        input_type=InputType.DOUBLES,
        requirements=("clipper-has-no-such-package",),
    )
    with pytest.raises(ClipperError) as caught:
        asyncio.run(environments.prepare(wanted, lambda _: None))
    assert "No matching distribution found for clipper-has-no-such-package" in caught.value.detail
