"""A deployment ends with a version that answers queries, or leaves nothing; scripted containers on real sockets."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.management.config import HomeFolder
from clipper.management.deployments import Deployment
from clipper.registry.entities import Application, ReplicaState
from clipper.store import Transaction
from tests.integration.management.containers import CRASHES, FAILS_EXAMPLE, NEVER_LISTENS, Script
from tests.integration.management.world import FAST, World, eventually, pieces, run, world

V1 = Deployment(model_name="m", model_version="1")
V2 = replace(V1, model_version="2")
FULL = ClipperError(ErrorCode.STORE_FULL, "the store is full")


def application(name: str = "app", input_type: InputType = InputType.DOUBLES) -> Application:
    return Application(name=name, input_type=input_type, default_output="-1", latency_slo_micros=20_000)


def assert_nothing_of(w: World, version: str) -> None:
    """No model version, replica, process, bundle, log or note of an unfinished deployment."""
    snapshot = w.registry.snapshot()
    assert ("m", version) not in snapshot.models
    assert snapshot.current.get("m") != version
    assert not w.records(version)
    assert not [each for each in w.launcher.alive if each.spec.version == version]
    assert {each.name for each in w.home.bundles.iterdir()} == {model.bundle for model in snapshot.models.values()}
    assert not (w.home.logs / "m" / version).exists()
    assert not list(w.home.deployments.iterdir())
    assert not [each for each in w.home.sockets.iterdir() if each not in sockets_of(w)]


def sockets_of(w: World) -> list[Path]:
    return [Path(each.spec.address.removeprefix("unix:")) for each in w.launcher.alive]


async def failure_of(w: World, deployment: Deployment = V1) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        await w.deploy(deployment)
    return caught.value


def test_deployed_version_is_current_and_was_told_of_in_stages(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            reports = await w.deploy(replace(V1, replicas=2, labels=("a",), batch_size=8))
            model = w.registry.snapshot().models["m", "1"]
            assert w.registry.snapshot().current == {"m": "1"}
            assert (model.version, model.replicas, model.labels, model.batch_size) == ("1", 2, ("a",), 8)
            assert [each.state for each in w.records()] == [ReplicaState.READY] * 2
            assert [stage for stage, _ in reports] == ["unpack", "start", "ready", "switch"]
            assert not list(w.home.deployments.iterdir())

    run(test)


def test_nobody_hears_of_a_version_before_it_has_answered(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: NEVER_LISTENS
            deploying = asyncio.create_task(w.deploy(V1))
            await eventually(lambda: bool(w.launcher.alive))
            assert w.registry.snapshot().models == {}
            assert w.registry.snapshot().replicas == {}
            await w.launcher.alive[0].listen()
            await deploying
            assert w.registry.snapshot().current == {"m": "1"}

    run(test)


def test_old_version_stays_current_until_the_new_one_is_ready_and_warm_afterwards(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, settle_s=0.2)) as w:
            await w.deploy(V1)
            deploying = asyncio.create_task(w.deploy(V2))
            await eventually(lambda: [each.state for each in w.records("2")] == [ReplicaState.READY])
            assert w.registry.snapshot().current == {"m": "1"}  # the frontends have time to connect
            await deploying
            assert w.registry.snapshot().current == {"m": "2"}
            assert [each.state for each in w.records("1")] == [ReplicaState.READY]

    run(test)


@pytest.mark.parametrize("script", [CRASHES, FAILS_EXAMPLE, NEVER_LISTENS])
@pytest.mark.parametrize("deployment", [V1, V2])
def test_failed_deployment_leaves_nothing(tmp_path: Path, script: Script, deployment: Deployment) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, start_timeout_s=0.2)) as w:
            if deployment is V2:
                await w.deploy(V1)
            w.launcher.script = lambda _: script
            await failure_of(w, deployment)
            assert_nothing_of(w, deployment.model_version)
            assert w.registry.snapshot().current.get("m") == (None if deployment is V1 else "1")
            assert (w.deployments.succeeded, w.deployments.failed) == (int(deployment is V2), 1)

    run(test)


def test_crash_at_load_is_told_with_its_traceback_and_not_as_a_time_out(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: CRASHES
            error = await failure_of(w)
            assert error.code is ErrorCode.MODEL_FAILED
            assert error.message == "Replica 0 of m:1: ended with exit code 4: ValueError: no weights"
            assert error.detail == CRASHES.output

    run(test)


def test_deployment_of_an_existing_version_is_refused_before_the_upload(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.deploy(V1)

            upload = pieces(b"never read")
            with pytest.raises(ClipperError) as caught:
                await w.deployments.deploy(V1, upload, lambda *_: None)
            assert caught.value.code is ErrorCode.ALREADY_EXISTS
            assert await anext(upload) == b"never read"

    run(test)


def test_one_version_is_deployed_once_at_a_time(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: NEVER_LISTENS
            first = asyncio.create_task(w.deploy(V1))
            await eventually(lambda: bool(w.launcher.alive))
            assert (await failure_of(w)).code is ErrorCode.CONFLICT
            w.launcher.script = lambda spec: NEVER_LISTENS if spec.version == "1" else Script()
            await w.deploy(V2)
            await w.launcher.alive[0].listen()
            await first
            assert w.registry.snapshot().current == {"m": "1"}

    run(test)


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        (replace(V1, model_name="M"), "model name 'M'"),
        (replace(V1, model_version="1.0"), "model version '1.0'"),
        (replace(V1, replicas=0), "replicas 0"),
        (replace(V1, replicas=100_000), "100000"),
        (replace(V1, batch_size=0), "batch_size 0"),
        (replace(V1, app_name="nobody"), "No application with name 'nobody' exists"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, deployment: Deployment, message: str) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            assert message in (await failure_of(w, deployment)).message
            assert not w.launcher.started

    run(test)


def test_deployment_links_an_application(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.registry.add_application(application())
            await w.deploy(replace(V1, app_name="app"))
            await w.deploy(replace(V2, app_name="app"))
            assert w.registry.snapshot().applications["app"].models == ("m",)

    run(test)


def test_application_with_another_input_type_is_refused_before_anything_starts(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.registry.add_application(application(input_type=InputType.STRINGS))
            error = await failure_of(w, replace(V1, app_name="app"))
            assert error.code is ErrorCode.CONFLICT
            assert "strings" in error.message
            assert not w.launcher.started
            assert_nothing_of(w, "1")

    run(test)


@pytest.mark.parametrize("key", [b"registry/model/m/2", b"registry/replica/m/2", b"registry/current/m"])
def test_store_that_fills_up_in_the_middle_undoes_the_deployment(tmp_path: Path, key: bytes) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.deploy(V1)
            w.store.refusal = FULL
            w.store.refuse = lambda transaction: touches(transaction, key)
            error = await failure_of(w, V2)
            assert error.code is ErrorCode.STORE_FULL
            w.store.refusal = None
            assert_nothing_of(w, "2")
            assert w.registry.snapshot().current == {"m": "1"}

    run(test)


def touches(transaction: Transaction, key: bytes) -> bool:
    return any(each.startswith(key) for each in transaction.put)


def test_cancelled_deployment_leaves_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: NEVER_LISTENS
            deploying = asyncio.create_task(w.deploy(V1))
            await eventually(lambda: bool(w.launcher.alive))
            deploying.cancel()
            await asyncio.wait({deploying})
            assert deploying.cancelled()
            assert_nothing_of(w, "1")

    run(test)


def test_cancellation_while_switching_leaves_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, settle_s=5.0)) as w:
            deploying = asyncio.create_task(w.deploy(V1))
            await eventually(lambda: bool(w.records()))
            await w.deployments.close()
            assert deploying.cancelled()
            assert_nothing_of(w, "1")

    run(test)


def test_replica_that_dies_between_its_proof_and_the_switch_undoes_the_deployment(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, settle_s=0.2)) as w:
            deploying = asyncio.create_task(w.deploy(V1))
            await eventually(lambda: bool(w.records()))
            w.launcher.script = lambda _: CRASHES
            w.launcher.alive[0].end("signal SIGKILL")
            with pytest.raises(ClipperError, match="Replica 0 of m:1: ended with"):
                await deploying
            assert_nothing_of(w, "1")

    run(test)


def test_version_that_a_killed_controller_had_not_made_current_is_taken_back(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.registry.add_model(
            (await w.add_model_only("1")).__class__(name="n", version="1", input_type=InputType.DOUBLES)
        )
        for name, version in (("n", "1"), ("m", "1"), ("gone", "9")):
            (w.home.deployments / f"{name}.{version}").touch()
        await w.deployments.take_back_unfinished()
        assert set(w.registry.snapshot().models) == {("m", "1")}
        assert not list(w.home.deployments.iterdir())

    run(test)


def test_replica_after_the_first_that_fails_does_not_undo_the_deployment(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda spec: CRASHES if spec.replica_id else Script()
            reports = await w.deploy(replace(V1, replicas=2))
            assert w.registry.snapshot().current == {"m": "1"}
            assert reports[-1][0] == "start"
            assert "no weights" in reports[-1][1]
            assert w.supervisor.shortages()[0].ready == 1

    run(test)


def test_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            with pytest.raises(ClipperError, match="not a whole") as caught:
                await w.deployments.deploy(V1, pieces(b"nonsense"), lambda *_: None)
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT
            assert_nothing_of(w, "1")

    run(test)
