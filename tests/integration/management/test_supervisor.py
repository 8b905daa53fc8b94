"""Replicas follow the registry: started, scaled, restarted, retired; scripted containers on real sockets."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.registry.entities import Replica, ReplicaState
from tests.integration.management.containers import CRASHES, FAILS_EXAMPLE, NEVER_LISTENS, Script
from tests.integration.management.world import FAST, eventually, run, world


def test_wanted_replicas_become_ready_and_their_records_say_how_to_reach_them(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model(replicas=2)
            await w.ready(count=2)
            assert [each.replica_id for each in w.records()] == [0, 1]
            for record, process in zip(w.records(), w.launcher.started, strict=True):
                assert record.state is ReplicaState.READY
                assert (record.pid, record.started_ticks) == (process.pid, process.started_ticks)
                assert (record.address, record.token) == (process.spec.address, process.spec.token)
                assert len(record.token) == 64
            assert len({record.token for record in w.records()}) == 2

    run(test)


def test_scaling_keeps_the_oldest_and_never_reuses_an_id(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model(replicas=1)
            await w.ready()
            for count, ids in ((4, [0, 1, 2, 3]), (2, [0, 1]), (3, [0, 1, 4]), (0, [])):
                await w.registry.set_replicas("m", "1", count)
                w.supervisor.reconcile()
                await w.ready(count=count)
                assert [each.replica_id for each in w.records()] == ids
                assert len(w.launcher.alive) == count

    run(test)


def test_loading_yields_to_what_serves_and_serving_does_not(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: NEVER_LISTENS
            await w.add_model()
            await eventually(lambda: bool(w.launcher.started) and w.launcher.started[0].priorities == ["low"])
            await w.launcher.started[0].listen()
            await w.ready()
            assert w.launcher.started[0].priorities == ["low", "normal"]

    run(test)


def test_container_that_fails_its_example_yields_to_its_end(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: FAILS_EXAMPLE
            await w.add_model()
            await eventually(lambda: bool(w.records()) and w.records()[0].restarts >= 1)
            assert w.launcher.started[0].priorities == ["low"]

    run(test)


def test_change_by_another_process_is_noticed(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model(replicas=1)
            await w.ready()
            await w.registry.set_replicas("m", "1", 2)
            await eventually(lambda: len(w.launcher.alive) == 2)

    run(test)


def test_first_death_is_replaced_at_once_at_a_new_address_with_a_new_token(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model()
            await w.ready()
            before = w.records()[0]
            w.launcher.alive[0].end("signal SIGKILL")
            await eventually(lambda: bool(w.records()) and w.records()[0].restarts == 1)
            await eventually(lambda: w.records()[0].state is ReplicaState.READY)
            after = w.records()[0]
            assert after.replica_id == before.replica_id
            assert after.pid != before.pid
            assert after.token != before.token
            assert after.address != before.address
            assert "ended with signal SIGKILL" in after.error

    run(test)


def test_replica_that_keeps_dying_backs_off_and_keeps_its_traceback(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: CRASHES
            await w.add_model()
            await eventually(lambda: bool(w.records()) and w.records()[0].restarts >= 3)
            await eventually(lambda: w.records()[0].state is ReplicaState.BACKOFF)
            record = w.records()[0]
            assert record.pid == 0
            assert "Traceback (most recent call last):\nValueError: no weights" in record.error
            assert w.supervisor.shortages()[0].error.endswith("ended with exit code 4: ValueError: no weights")

    run(test)


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        (CRASHES, ErrorCode.MODEL_FAILED, "ended with exit code 4: ValueError: no weights"),
        (FAILS_EXAMPLE, ErrorCode.MODEL_FAILED, "fails on its own example: ValueError: not this"),
        (NEVER_LISTENS, ErrorCode.TIMEOUT, r"did not listen within 0\.2 s.*: downloading the internet"),
        (Script(token="8" * 64), ErrorCode.PROTOCOL, "does not hold the token"),
    ],
)
def test_waiting_for_a_replica_that_cannot_start_says_why(
    tmp_path: Path, script: Script, code: ErrorCode, message: str
) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, start_timeout_s=0.2)) as w:
            w.launcher.script = lambda _: script
            await w.add_model()
            with pytest.raises(ClipperError, match=message) as caught:
                await w.ready()
            assert caught.value.code is code
            assert caught.value.detail == script.output

    run(test)


def test_container_that_is_told_to_stop_but_listens_late_is_not_ready_before(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            w.launcher.script = lambda _: NEVER_LISTENS
            await w.add_model()
            await eventually(lambda: bool(w.launcher.alive))
            assert w.records()[0].state is ReplicaState.STARTING
            await w.launcher.alive[0].listen()
            await w.ready()

    run(test)


def test_broken_connection_to_a_live_container_is_dialled_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model()
            await w.ready()
            container = w.launcher.alive[0]
            container.hang_up(for_good=False)
            await eventually(lambda: container.peers == 2)
            assert w.launcher.started == [container]
            assert w.records()[0].restarts == 0

    run(test)


def test_live_container_that_accepts_nobody_is_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model()
            await w.ready()
            deaf = w.launcher.alive[0]
            deaf.hang_up(for_good=True)
            await eventually(lambda: len(w.launcher.started) == 2)
            await w.ready()
            assert deaf.stops == 1

    run(test)


def test_quiet_container_is_probed(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, probe_s=0.01, hang_timeout_s=0.5)) as w:
            await w.add_model()
            await eventually(lambda: bool(w.launcher.alive) and w.launcher.alive[0].probes > 2)
            assert w.records()[0].restarts == 0

    run(test)


def test_hung_container_is_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, probe_s=0.01, hang_timeout_s=0.05)) as w:
            w.launcher.script = lambda _: Script(answers_probes=False)
            await w.add_model()
            await w.ready()
            w.launcher.script = lambda _: Script()
            hung = w.launcher.alive[0]
            await eventually(lambda: w.records()[0].restarts == 1)
            assert hung.stops == 1
            assert "has not answered for 0.05 s" in w.records()[0].error
            await w.ready()

    run(test)


def test_so_many_load_at_once_and_no_more(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path, config=replace(FAST, parallel_starts=2)) as w:
            w.launcher.script = lambda _: NEVER_LISTENS
            await w.add_model(replicas=5)
            await eventually(lambda: len(w.launcher.started) == 2)
            w.launcher.script = lambda _: Script()
            await w.launcher.started[0].listen()
            await eventually(lambda: len(w.launcher.started) == 5)
            await w.launcher.started[1].listen()
            await w.ready(count=5)

    run(test)


def test_retired_replica_is_announced_before_it_is_stopped(tmp_path: Path) -> None:
    async def test() -> None:
        seen: list[tuple[ReplicaState, bool]] = []
        async with world(tmp_path) as w:
            await w.add_model()
            await w.ready()
            container = w.launcher.alive[0]
            put_replica = w.registry.put_replica

            async def observed(record: Replica) -> None:
                seen.append((record.state, container.alive))
                await put_replica(record)

            object.__setattr__(w.supervisor._workshop, "save", observed)
            await w.registry.set_replicas("m", "1", 0)
            w.supervisor.reconcile()
            await w.ready(count=0)
        assert seen == [(ReplicaState.STOPPING, True)]
        assert not container.alive

    run(test)


def test_orderly_stop_ends_containers_and_keeps_what_is_wanted(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model(replicas=2)
            await w.ready(count=2)
        assert not w.launcher.alive
        assert [(each.state, each.pid) for each in w.records()] == [(ReplicaState.STARTING, 0)] * 2
        async with world(tmp_path, store=w.store, launcher=w.launcher) as again:
            await again.ready(count=2)
            assert [each.replica_id for each in again.records()] == [0, 1]

    run(test)


def test_store_that_refuses_does_not_keep_a_replica_from_coming_back(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model()
            await w.ready()
            w.store.refusal = ClipperError(ErrorCode.STORE_FULL, "the store is full")
            w.launcher.alive[0].end("signal SIGKILL")
            await asyncio.sleep(0)
            w.store.refusal = None
            await eventually(lambda: w.records()[0].restarts == 1)
            await w.ready()

    run(test)


def test_stop_is_bounded_while_the_store_refuses(tmp_path: Path) -> None:
    async def test() -> None:
        async with world(tmp_path) as w:
            await w.add_model(replicas=2)
            await w.ready(count=2)
            await w.registry.set_replicas("m", "1", 1)
            w.store.refusal = ClipperError(ErrorCode.STORE_FULL, "the store is full")
            w.supervisor.reconcile()
        assert not w.launcher.alive

    run(test)
