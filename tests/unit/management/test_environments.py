"""Which interpreter a model gets, and which it is refused, before anything is installed."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from clipper.container.bundle import Manifest
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.management.build import run_build_step
from clipper.management.config import ArtifactConfig
from clipper.management.environments import Environment, EnvironmentFolder
from clipper.management.launchers.processes import started_ticks


def manifest(python: str = "3.11", *requirements: str) -> Manifest:
    return Manifest(
        framework="python",
        entry="function.pkl",
        input_type=InputType.DOUBLES,
        python=python,
        requirements=requirements,
    )


def prepare(folder: Path, wanted: Manifest, variables: dict[str, str] | None = None) -> Environment:
    environments = EnvironmentFolder(folder, variables or {"PATH": str(folder)}, ArtifactConfig())
    return asyncio.run(environments.prepare(wanted, lambda _: None))


def refusal(folder: Path, wanted: Manifest) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        prepare(folder, wanted)
    return caught.value


def test_model_without_requirements_runs_in_the_servers_environment(tmp_path: Path) -> None:
    assert prepare(tmp_path, manifest()) == Environment(Path(sys.executable), isolated=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("python", ["3.10", "2.7", "3", "../../bin/sh", "3.11.7"])
def test_python_that_the_container_cannot_run_on_is_refused(tmp_path: Path, python: str) -> None:
    error = refusal(tmp_path, manifest(python, "iniconfig"))
    assert error.code is ErrorCode.INVALID_ARGUMENT
    assert "expected 3.11 or newer" in error.message
    assert not list(tmp_path.iterdir())


def test_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "finds no python3.99" in refusal(tmp_path, manifest("3.99", "iniconfig")).message


@pytest.mark.parametrize("says", ["echo 3.98", "exit 1"])
def test_python_that_is_not_what_it_is_called_is_not_taken(tmp_path: Path, says: str) -> None:
    impostor = tmp_path / "python3.99"
    impostor.write_text(f"#!/bin/sh\n{says}\n")
    impostor.chmod(0o700)
    assert "finds no python3.99" in refusal(tmp_path, manifest("3.99", "iniconfig")).message


def test_what_a_killed_controller_was_building_is_cleared(tmp_path: Path) -> None:
    for name in ("half", "whole", "package"):
        (tmp_path / name).mkdir()
    (tmp_path / "whole" / "clipper-environment.json").touch()
    EnvironmentFolder(tmp_path, {}, ArtifactConfig()).delete_incomplete()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["package", "whole"]


def failure(program: str) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        asyncio.run(run_build_step([sys.executable, "-c", program], {}, lambda _: None))
    return caught.value


def test_step_tells_its_lines() -> None:
    lines: list[str] = []
    asyncio.run(run_build_step([sys.executable, "-c", "print('one'); print('two')"], {}, lines.append))
    assert lines == ["one", "two"]


@pytest.mark.parametrize(
    ("program", "code", "last"),
    [
        ("for i in range(100): print(i)\nraise SystemExit(3)", ErrorCode.MODEL_FAILED, "99"),
        ("raise SystemExit('[Errno 28] No space left on device')", ErrorCode.STORE_FULL, "left on device"),
    ],
)
def test_failed_step_repeats_its_last_lines(program: str, code: ErrorCode, last: str) -> None:
    error = failure(program)
    assert error.code is code
    assert error.detail.endswith(last)
    assert len(error.detail.splitlines()) <= 30


def test_cancelled_step_is_killed_with_all_it_has_started() -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )

    async def cancel_when_started() -> int:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        command = [sys.executable, "-c", program]
        step = asyncio.create_task(run_build_step(command, {}, lambda line: started.set_result(int(line))))
        grandchild = await started
        step.cancel()
        await asyncio.wait({step})
        assert step.cancelled()
        return grandchild

    grandchild = asyncio.run(cancel_when_started())
    deadline = time.monotonic() + 10.0
    while started_ticks(grandchild) is not None:
        assert time.monotonic() < deadline
