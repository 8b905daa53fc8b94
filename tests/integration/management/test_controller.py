"""A controller and its containers as real processes: deployed, crashed, killed, scaled, adopted, stopped."""

import os
import signal
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.launchers.processes import started_ticks

if TYPE_CHECKING:
    from tests.integration.management.conftest import ControllerProcess


def is_running(pid: int) -> bool:
    return started_ticks(pid) is not None


def total(inputs: Any) -> list[float]:
    return [float(sum(each)) for each in inputs]


class FailsToLoad:
    """Fails in the container, when it is unpickled there."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return int, ("no number",)


class NeedsPackage:
    """Imports, in the container, what is not there."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return __import__, ("package_that_is_not_here",)


class SlowToLoad:
    """Takes a minute in the container, when it is unpickled there, and says at `mark` who does."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        program = f"import os, pathlib, time; pathlib.Path({str(self.mark)!r}).write_text(str(os.getpid()))"
        return exec, (f"{program}; time.sleep(60)",)


def test_deployed_closure_runs_in_a_process_of_its_own(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    stages: list[str] = []
    clipper.deploy_model("m", 1, total, example=[1.0, 2.0], on_progress=lambda each: stages.append(each.stage))
    assert stages[-4:] == ["unpack", "start", "ready", "switch"]
    assert clipper.get_current_model_version("m") == "1"
    replica = controller.replica()
    assert replica["state"] == "ready"
    assert is_running(replica["pid"])
    assert os.getpgid(replica["pid"]) == replica["pid"]
    assert "Ready: m version 1" in clipper.get_logs("m")[0]["text"]
    assert stat.S_IMODE(controller.home.stat().st_mode) == 0o700
    assert controller.stop() == 0
    assert not is_running(replica["pid"])


def test_crash_at_load_is_shown_with_its_traceback(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    broken = FailsToLoad()
    with pytest.raises(ClipperError) as caught:
        clipper.deploy_model("m", 1, lambda inputs: [broken for _ in inputs])
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert "invalid literal for int() with base 10: 'no number'" in caught.value.message
    assert "Traceback (most recent call last)" in caught.value.detail
    assert clipper.get_all_models() == []
    assert not list((controller.home / "bundles").iterdir())


def test_import_error_names_the_next_step(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    needy = NeedsPackage()
    with pytest.raises(ClipperError, match=r"requirements=\['package_that_is_not_here'\]") as caught:
        clipper.deploy_model("m", 1, lambda inputs: [needy for _ in inputs])
    assert caught.value.code is ErrorCode.MODEL_FAILED


def test_killed_container_comes_back(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper.deploy_model("m", 1, total, example=[1.0])
    before = controller.replica()
    os.kill(before["pid"], signal.SIGKILL)
    controller.wait_for(lambda: controller.replica()["restarts"] == 1, "the death to be noticed")
    clipper.wait_until_ready()
    after = controller.replica()
    assert (after["model_replica_id"], after["restarts"], after["state"]) == (0, 1, "ready")
    assert after["pid"] != before["pid"]
    assert "ended with signal SIGKILL" in after["error"]


def test_killed_controller_is_followed_by_one_that_adopts_its_containers(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper.register_application("app", "doubles", "-1", 20_000)
    clipper.deploy_model("m", 1, total, example=[1.0], num_replicas=2, app_name="app")
    clipper.deploy_model("m", 2, total, example=[2.0])
    before = clipper.state()
    controller.kill()
    assert all(is_running(each["pid"]) for each in before["replicas"])
    clipper = controller.start()
    clipper.wait_until_ready()
    assert clipper.state() == before
    os.kill(before["replicas"][0]["pid"], signal.SIGKILL)
    controller.wait_for(lambda: controller.replica()["restarts"] == 1, "the adopted container's death to be noticed")
    clipper.wait_until_ready()
    assert controller.stop() == 0
    assert not any(is_running(each["pid"]) for each in before["replicas"])


def test_everything_killed_comes_back_as_it_was(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper.register_application("app", "doubles", "-1", 20_000)
    clipper.deploy_model("m", 1, total, example=[1.0], num_replicas=2, app_name="app")
    before = clipper.state()
    controller.kill()
    for each in before["replicas"]:
        os.kill(each["pid"], signal.SIGKILL)
    clipper = controller.start()
    clipper.wait_until_ready()
    after = clipper.state()
    assert (after["applications"], after["models"]) == (before["applications"], before["models"])
    assert [each["replica_id"] for each in after["replicas"]] == [0, 1]
    assert all(each["state"] == "ready" for each in after["replicas"])


def test_orderly_stop_and_start_brings_every_replica_back(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper.deploy_model("m", 1, total, example=[1.0], num_replicas=2)
    pids = controller.container_pids()
    assert controller.stop() == 0
    assert not any(is_running(pid) for pid in pids)
    clipper = controller.start()
    clipper.wait_until_ready()
    assert len(controller.container_pids()) == 2


def test_scaling_runs_exactly_as_many_processes(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper.deploy_model("m", 1, total, example=[1.0])
    first = controller.container_pids()
    clipper.set_num_replicas("m", 4)
    four = controller.container_pids()
    assert len(four) == 4
    clipper.set_num_replicas("m", 2)
    assert len(controller.container_pids()) == 2
    assert first[0] in controller.container_pids()
    assert sum(is_running(pid) for pid in four) == 2


def test_rollback_goes_to_the_process_that_is_still_warm(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper.deploy_model("m", 1, total, example=[1.0])
    warm = controller.replica()["pid"]
    clipper.deploy_model("m", 2, total, example=[2.0])
    assert clipper.rollback("m") == "1"
    assert clipper.get_current_model_version("m") == "1"
    assert controller.replica()["pid"] == warm
    clipper.delete_versioned_model("m", 2)
    assert controller.container_pids() == [warm]


def test_full_disk_refuses_a_bundle_and_everything_else_goes_on(controller: "ControllerProcess") -> None:
    clipper = controller.start(file_size_limit=2_000_000)
    weights = os.urandom(3_000_000)
    with pytest.raises(ClipperError, match="the disk is full") as caught:
        clipper.deploy_model("m", 1, lambda inputs: [weights[0] for _ in inputs])
    assert caught.value.code is ErrorCode.STORE_FULL
    assert not list((controller.home / "bundles").iterdir())
    clipper.register_application("app", "doubles", "-1", 20_000)
    clipper.deploy_model("m", 1, total, example=[1.0])


def test_full_store_refuses_and_loses_nothing(controller: "ControllerProcess") -> None:
    clipper = controller.start(store={"map_size_bytes": 128 * 1024})
    names = []
    with pytest.raises(ClipperError) as caught:
        for number in range(1000):
            clipper.register_application(f"app-{number}", "strings", "x" * 1000, 20_000)
            names.append(f"app-{number}")
    assert caught.value.code is ErrorCode.STORE_FULL
    assert set(clipper.get_all_apps()) == set(names)
    clipper.delete_application(names.pop())
    controller.kill()
    clipper = controller.start(store={"map_size_bytes": 128 * 1024})
    assert set(clipper.get_all_apps()) == set(names)


def test_large_upload_without_the_token_is_told_so(controller: "ControllerProcess") -> None:
    clipper = controller.start()
    clipper._admin._headers.clear()
    weights = os.urandom(20_000_000)
    with pytest.raises(ClipperError, match="Authorization: Bearer") as caught:
        clipper.deploy_model("m", 1, lambda inputs: [weights[0] for _ in inputs])
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def test_authentication_can_be_off_on_loopback(controller: "ControllerProcess") -> None:
    clipper = controller.start(admin_auth="none")
    assert not (controller.home / "token").exists()
    clipper.register_application("app", "doubles", "-1", 20_000)


def test_stop_in_the_middle_of_a_deployment_leaves_nothing(controller: "ControllerProcess", tmp_path: Path) -> None:
    clipper = controller.start()
    mark = tmp_path / "loading"
    slow = SlowToLoad(mark)
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(clipper.deploy_model, "m", 1, lambda inputs: [slow for _ in inputs])
        controller.wait_for(mark.exists, "the model to load")
        assert controller.stop() == 0
        with pytest.raises(ClipperError, match="given up") as caught:
            deploying.result()
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert not is_running(int(mark.read_text()))
    clipper = controller.start()
    assert clipper.state()["models"] == []
    assert not list((controller.home / "bundles").iterdir())
