"""Roll-back, scaling, deleting and logs; scripted containers on real sockets."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.management.deployments import Deployment
from clipper.registry.entities import Application, Model
from tests.integration.management.containers import CRASHES, NEVER_LISTENS, Script
from tests.integration.management.world import World, eventually, run, world

V1 = Deployment(model_name="m", model_version="1")
V2 = replace(V1, model_version="2")


async def two_versions(w: World) -> None:
    await w.deploy(V1)
    await w.deploy(V2)


def current(w: World) -> str | None:
    return w.registry.snapshot().current.get("m")


def test_roll_back_to_a_warm_version_starts_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await two_versions(w)
            await w.operations.set_model_version("m", "1")
            assert current(w) == "1"
            assert len(w.launcher.started) == 2

    run(test)


def test_roll_back_to_a_stopped_version_starts_it_first(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await two_versions(w)
            await w.operations.set_num_replicas("m", "1", 0)
            w.launcher.script = lambda _: NEVER_LISTENS
            switching = asyncio.create_task(w.operations.set_model_version("m", "1"))
            await eventually(lambda: len(w.launcher.started) == 3)
            assert current(w) == "2"
            await w.launcher.started[-1].listen()
            await switching
            assert current(w) == "1"
            assert w.registry.snapshot().models["m", "1"].replicas == 1

    run(test)


def test_roll_back_to_a_version_that_does_not_start_changes_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await two_versions(w)
            await w.operations.set_num_replicas("m", "1", 0)
            w.launcher.script = lambda _: CRASHES
            with pytest.raises(ClipperError, match="no weights") as caught:
                await w.operations.set_model_version("m", "1")
            assert caught.value.detail == CRASHES.output
            assert current(w) == "2"
            assert w.registry.snapshot().models["m", "1"].replicas == 0
            await w.ready("1", count=0)

    run(test)


@pytest.mark.parametrize(("name", "version"), [("m", "9"), ("nobody", "1")])
def test_unknown_version_is_named(tmp_path: Path, name: str, version: str) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.deploy(V1)
            for operation in (w.operations.set_model_version, w.operations.delete_version):
                with pytest.raises(ClipperError, match=f"'{name}'") as caught:
                    await operation(name, version)
                assert caught.value.code is ErrorCode.NOT_FOUND

    run(test)


def test_containerless_model_is_current_at_once_and_cannot_be_scaled(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            model = Model(name="m", version="1", input_type=InputType.DOUBLES)
            await w.registry.add_model(model, make_current=True)
            await w.registry.add_model(replace_version(model, "2"))
            await w.operations.set_model_version("m", "2")
            assert current(w) == "2"
            with pytest.raises(ClipperError, match="containerless model") as caught:
                await w.operations.set_num_replicas("m", None, 1)
            assert caught.value.code is ErrorCode.INVALID_ARGUMENT

    run(test)


def replace_version(model: Model, version: str) -> Model:
    return Model(name=model.name, version=version, input_type=model.input_type)


def test_scaling_waits_for_the_exact_number(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.deploy(V1)
            for count in (4, 2, 0):
                assert await w.operations.set_num_replicas("m", None, count) == "1"
                assert len(w.records()) == len(w.launcher.alive) == count

    run(test)


def test_scaling_that_fails_says_why_at_once_and_goes_on_trying(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.deploy(V1)
            w.launcher.script = lambda _: CRASHES
            with pytest.raises(ClipperError, match="no weights"):
                await w.operations.set_num_replicas("m", "1", 2)
            w.launcher.script = lambda _: Script()
            await w.ready(count=2)

    run(test)


def test_scaling_that_takes_too_long_says_how_far_it_came(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model()
            await w.ready()
            w.launcher.script = lambda _: NEVER_LISTENS
            with pytest.raises(ClipperError, match=r"1 of 2 replicas of m:1 are ready after 0\.1 s") as caught:
                await w.registry.set_replicas("m", "1", 2)
                w.supervisor.reconcile()
                await w.supervisor.until_ready(("m", "1"), 2, 0.1)
            assert caught.value.code is ErrorCode.TIMEOUT

    run(test)


def test_deleted_version_takes_process_bundle_and_logs_with_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await two_versions(w)
            await w.operations.delete_version("m", "1")
            assert [each.spec.version for each in w.launcher.alive] == ["2"]
            assert not w.records("1")
            assert len(list(w.home.bundles.iterdir())) == 1
            assert [each.name for each in (w.home.logs / "m").iterdir()] == ["2"]

    run(test)


def test_deleted_model_goes_in_all_versions_and_can_be_deployed_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await two_versions(w)
            await w.operations.delete_model("m")
            assert not w.launcher.alive
            assert not w.registry.snapshot().models
            assert not list(w.home.bundles.iterdir())
            await w.deploy(V1)
            assert [each.replica_id for each in w.records()] == [0]

    run(test)


def test_linked_model_is_not_deleted(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await two_versions(w)
            await w.registry.add_application(
                Application(
                    name="app",
                    input_type=InputType.DOUBLES,
                    default_output="-1",
                    latency_slo_micros=20_000,
                    models=("m",),
                )
            )
            for refused in (w.operations.delete_model("m"), w.operations.delete_version("m", "2")):
                with pytest.raises(ClipperError) as caught:
                    await refused
                assert caught.value.code is ErrorCode.CONFLICT
            await w.operations.delete_version("m", "1")
            assert len(w.launcher.alive) == 1

    run(test)


def test_logs_of_all_versions_or_of_one_replica(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda spec: Script(output=f"I am {spec.version}\nready\n")
            await w.deploy(replace(V1, replicas=2))
            await w.deploy(V2)
            everything = await w.operations.read_logs("m", None, None, 10)
            assert [(each.version, each.replica_id) for each in everything] == [("1", 0), ("1", 1), ("2", 0)]
            assert everything[2].text == "I am 2\nready\n"
            assert [each.text for each in await w.operations.read_logs("m", "1", 1, 1)] == ["ready\n"]
            assert await w.operations.read_logs("m", "1", 7, 1) == []

    run(test)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("nobody", None, None, 1), "'nobody'"), (("m", "9", None, 1), "'9'"), (("m", None, None, 0), "lines 0")],
)
def test_logs_that_cannot_be_are_refused(
    tmp_path: Path, arguments: tuple[str, str | None, int | None, int], message: str
) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.deploy(V1)
            with pytest.raises(ClipperError, match=message):
                await w.operations.read_logs(*arguments)

    run(test)
