"""A controller that was killed is followed by one that takes over what lives and clears what does not."""

from pathlib import Path

import msgspec
import pytest

from clipper.management.config import HomeFolder
from clipper.registry.entities import Replica, ReplicaState
from tests.integration.management.containers import NEVER_LISTENS, Script
from tests.integration.management.world import World, eventually, run, running, world


def test_live_container_is_adopted_and_not_started_again(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        left = await w.left_behind(Script(), ReplicaState.READY)
        before = w.records()
        async with running(w):
            await w.ready()
            assert w.launcher.started == [left]
            assert w.records() == before
            assert left.peers == 1

    run(test)


def test_container_that_was_still_loading_is_adopted_too(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        left = await w.left_behind(NEVER_LISTENS, ReplicaState.STARTING)
        async with running(w):
            await left.listen()
            await w.ready()
            assert w.launcher.started == [left]
            assert w.records()[0].state is ReplicaState.READY

    run(test)


def test_adopted_container_that_dies_is_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        left = await w.left_behind(Script(), ReplicaState.READY)
        async with running(w):
            await w.ready()
            left.end("an end we did not see")
            await eventually(lambda: w.records()[0].restarts == 4)
            await w.ready()

    run(test)


def test_dead_container_is_started_again_under_its_id(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        left = await w.left_behind(Script(), ReplicaState.READY)
        left.end("signal SIGKILL")
        async with running(w):
            await w.ready()
            assert [(each.replica_id, each.restarts) for each in w.records()] == [(0, 3)]
            assert len(w.launcher.started) == 2

    run(test)


def test_process_that_only_has_the_same_id_is_left_alone(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        stranger = await w.left_behind(Script(), ReplicaState.READY)
        stranger.started_ticks += 1
        async with running(w):
            await w.ready()
            assert len(w.launcher.started) == 2
        assert stranger.alive
        assert stranger.stops == 0
        stranger.end("done")

    run(test)


@pytest.mark.parametrize("script", [NEVER_LISTENS, Script(token="8" * 64)])
def test_live_container_that_does_not_answer_is_stopped_and_replaced(tmp_path: Path, script: Script) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        left = await w.left_behind(script, ReplicaState.READY)
        async with running(w):
            await eventually(lambda: len(w.launcher.started) == 2)
            await w.ready()
            assert left.stops == 1

    run(test)


def test_container_of_a_version_that_is_gone_is_stopped_and_forgotten(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        left = await w.left_behind(Script(), ReplicaState.READY)
        await w.registry.delete_model("m")
        async with running(w):
            await eventually(lambda: not w.registry.snapshot().replicas)
            assert left.stops == 1

    run(test)


def test_replicas_beyond_what_is_wanted_go(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only(replicas=1)
        left = await w.left_behind(Script(), ReplicaState.READY)
        other = Replica(model="m", version="1", replica_id=1, state=ReplicaState.STOPPING, address="", token="")
        await w.registry.put_replica(other)
        async with running(w):
            await w.ready()
            assert w.records() == [msgspec.structs.replace(w.records()[0], pid=left.pid)]

    run(test)


def test_sockets_that_nobody_refers_to_are_cleared(tmp_path: Path) -> None:
    async def test() -> None:
        w = World(HomeFolder(tmp_path))
        await w.add_model_only()
        await w.left_behind(Script(), ReplicaState.READY)
        (w.home.sockets / "stale").touch()
        async with running(w):
            await w.ready()
            assert [each.name for each in w.home.sockets.iterdir()] == ["left"]

    run(test)


def test_nothing_left_behind_is_nothing_to_do(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            assert w.supervisor.shortages() == []
            assert w.supervisor.replicas() == []

    run(test)
