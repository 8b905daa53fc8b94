"""Environments that nobody uses go, no others; a bundle that lacks packages here gets those it was packaged with."""

import asyncio
import json
from pathlib import Path

import pytest

from clipper.container.bundle import Manifest, digest, write_bundle
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.management.bundles import BundleFolder
from clipper.management.config import ArtifactConfig
from clipper.management.environment_use import EnvironmentUse
from clipper.management.environments import EnvironmentFolder


def manifest(*requirements: str, versions: dict[str, str] | None = None, entry: str = "model") -> Manifest:
    return Manifest(
        framework="xgboost",
        entry=entry,
        input_type=InputType.DOUBLES,
        requirements=requirements,
        versions=versions or {},
    )


def environments(folder: Path) -> EnvironmentFolder:
    return EnvironmentFolder(folder, {}, ArtifactConfig())


def built(folder: Path, name: str) -> Path:
    """What a build leaves, without the build."""
    (folder / name).mkdir(parents=True)
    described = {"python": "3.11", "requirements": ["numpy"]}
    (folder / name / "clipper-environment.json").write_text(json.dumps(described))
    return folder / name


def test_only_what_no_bundle_runs_in_is_pruned(tmp_path: Path) -> None:
    envs, bundles = tmp_path / "envs", tmp_path / "bundles"
    used = manifest("iniconfig")
    write_bundle(bundles / "new", used, {"model": b"x"})
    name = digest(bundles / "new")
    (bundles / "new").rename(bundles / name)
    folder = environments(envs)
    needed = folder.name_of(used)
    assert needed is not None
    built(envs, needed)
    idle = built(envs, "idle")
    use = EnvironmentUse(folder, BundleFolder(bundles, 0, lambda: {name, "deleted meanwhile"}))
    assert {each.name: each.bundles for each in asyncio.run(use.all())} == {needed: 1, "idle": 0}
    assert [each.name for each in asyncio.run(use.prune())] == ["idle"]
    assert not idle.exists()
    assert [each.name for each in asyncio.run(use.all())] == [needed]


def test_bundle_runs_in_the_servers_environment_if_that_has_what_packaged_it(tmp_path: Path) -> None:
    folder = environments(tmp_path)
    assert folder.name_of(manifest(versions={"numpy": "0.1"})) is None
    lacking = folder.name_of(manifest(versions={"numpy": "2.4.6", "clipper-has-no-such-package": "1"}))
    assert lacking is not None
    assert lacking == folder.name_of(manifest("numpy==2.4.6", "clipper-has-no-such-package==1"))


def test_same_requirements_are_one_environment_whatever_their_order(tmp_path: Path) -> None:
    folder = environments(tmp_path)
    assert folder.name_of(manifest("a", "b")) == folder.name_of(manifest("b", "a"))
    assert folder.name_of(manifest("a")) != folder.name_of(manifest("a", entry="model.skops"))


def test_bundle_that_changed_on_disk_is_not_started(tmp_path: Path) -> None:
    write_bundle(tmp_path / "new", manifest(), {"model": b"x"})
    name = digest(tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / name)
    bundles = BundleFolder(tmp_path, 0, set)
    bundles.verify(name)
    (tmp_path / name / "__pycache__").mkdir()
    (tmp_path / name / "__pycache__" / "a.pyc").write_bytes(b"left by Python")
    bundles.verify(name)
    (tmp_path / name / "model").write_bytes(b"y")
    with pytest.raises(ClipperError, match="has changed on disk") as caught:
        bundles.verify(name)
    assert caught.value.code is ErrorCode.MODEL_FAILED
