"""The engine with containers over real sockets, in virtual time: replicas come, move and go under queries."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from clipper.abstraction.batching.controller import cycle_s
from clipper.engine.deadlines import LATEST_WAKE_S
from clipper.registry import changes
from clipper.registry.entities import Application, Replica, ReplicaState
from clipper.wire.batches import InputBatch
from tests.fake_container import Behaviour, FakeContainer, Peer, after, close, echo, echoed, never
from tests.integration.abstraction.simulated_load import computing
from tests.unit.abstraction.evaluations import number, until
from tests.unit.engine.world import Client, Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually
from tests.wire.arrays import TOKEN


def record(container: FakeContainer, version: str = "1", replica_id: int = 0) -> Replica:
    return Replica(
        model="m",
        version=version,
        replica_id=replica_id,
        state=ReplicaState.READY,
        address=container.address,
        token=TOKEN,
    )


async def announce(serving: Serving, container: FakeContainer, version: str = "1", replica_id: int = 0) -> None:
    """A replica's record is ready, and the engine is connected to it."""
    serving.change(changes.put_replica(serving.now, record(container, version, replica_id)))
    await until(lambda: serving.engine.models["m", version].replicas[replica_id].ready)


def all_right(clients: dict[int, Client]) -> bool:
    return all(client.answers == [(number(value).payload, None, at(client))] for value, client in clients.items())


def at(client: Client) -> float:
    return client.answers[0][2] if client.answers else 0.0


async def query_steadily(serving: Serving, count: int, clients: dict[int, Client], start: int = 0) -> None:
    """One query each millisecond."""
    for value in range(start, start + count):
        clients[value] = serving.ask("app", number(value))[1]
        await asyncio.sleep(0.001)


def test_query_is_answered_by_a_container(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container, Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, container)
            clients: dict[int, Client] = {}
            await query_steadily(serving, 20, clients)
            await until(lambda: all_right(clients))

    run_virtually(scenario)


def test_replica_that_moves_is_dialled_where_it_is_now(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with (
            FakeContainer(tmp_path / "a") as old,
            FakeContainer(tmp_path / "b") as new,
            Serving(clock) as serving,
        ):
            serving.add(application(models=("m",)), wanted())
            await announce(serving, old)
            clients: dict[int, Client] = {}
            await query_steadily(serving, 50, clients)
            serving.change(changes.put_replica(serving.now, record(new)))
            before = len(old.payloads)
            await query_steadily(serving, 50, clients, start=50)
            await until(lambda: all_right(clients))
            assert len(new.payloads) >= 49
            assert len(old.payloads) <= before + 1
            assert serving.engine.models["m", "1"].replicas[0].endpoint == (new.address, TOKEN)

    run_virtually(scenario)


def test_new_token_at_the_same_place_is_used(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            async with FakeContainer(tmp_path / "c") as container:
                await announce(serving, container)
            async with FakeContainer(tmp_path / "c", token=TOKEN[::-1]) as restarted:
                serving.change(changes.put_replica(serving.now, replace(record(restarted), token=TOKEN[::-1])))
                clients: dict[int, Client] = {}
                await until(lambda: serving.engine.models["m", "1"].replicas[0].ready)
                await query_steadily(serving, 5, clients)
                await until(lambda: all_right(clients))

    run_virtually(scenario)


def test_version_switch_under_load_drops_nothing(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        slow = after(0.004)
        first, second = FakeContainer(tmp_path / "1", slow), FakeContainer(tmp_path / "2", slow)
        async with first, second, Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, first)
            serving.change(changes.add_model(serving.now, wanted("m", "2")))
            await announce(serving, second, version="2")
            clients: dict[int, Client] = {}
            for place in range(10):
                await query_steadily(serving, 30, clients, start=30 * place)
                version = "12"[(place + 1) % 2]
                serving.change(changes.set_current_version(serving.now, "m", version))
            await until(lambda: all_right(clients))
            assert len(first.payloads) == len(second.payloads) == 150

    run_virtually(scenario)


def test_container_killed_under_load_costs_no_answer(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        slow = computing(lambda size: 0.003)
        killed, other = FakeContainer(tmp_path / "a", slow), FakeContainer(tmp_path / "b", slow)
        async with killed, other, Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, killed, replica_id=0)
            await announce(serving, other, replica_id=1)
            clients: dict[int, Client] = {}
            await query_steadily(serving, 100, clients)
            assert killed.payloads
            await killed.stop()
            await query_steadily(serving, 100, clients, start=100)
            await until(lambda: all_right(clients))

    run_virtually(scenario)


@pytest.mark.parametrize("behaviour", [never, close])
def test_every_query_is_answered_by_its_deadline_whatever_the_container_does(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", behaviour) as container, Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, container)
            clients: dict[int, Client] = {}
            asked: dict[int, float] = {}
            for value in range(200):
                asked[value] = clock()
                await query_steadily(serving, 1, clients, start=value % 50)  # the same again, after a while
                value_client = clients.pop(value % 50)
                clients[1000 + value] = value_client
            await until(lambda: all(client.answers for client in clients.values()))
            assert all(len(client.answers) == 1 for client in clients.values())
            assert all(at(clients[1000 + value]) - asked[value] <= 0.02 for value in asked)
            assert {client.outputs[0] for client in clients.values()} == {b"-1.0"}
            container.behaviour = echo
            resume = clock() + 2 * LATEST_WAKE_S
            await until(lambda: clock() > resume)
            assert len(serving.engine.deadlines) == 0

    run_virtually(scenario)


def test_tightest_objective_of_all_applications_bounds_the_batches(tmp_path: Path) -> None:
    """A model with a fixed cost: its batches grow to what the tightest objective allows, no further."""

    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c", compute) as container, Serving(clock) as serving:
            serving.add(spec("loose", 1_000_000), wanted())
            await announce(serving, container)
            replica = serving.engine.models["m", "1"].replicas[0]
            value = 0

            async def load(inputs: int) -> None:
                nonlocal value
                until_value = value + inputs
                while value < until_value:
                    for _ in range(400):
                        serving.ask("loose", number(value))
                        value += 1
                    await asyncio.sleep(0.04)
                await until(lambda: not serving.engine.models["m", "1"].queue_length)

            await load(8_000)
            assert computing_s(replica.batch_limit) > 0.02
            serving.change(changes.add_application(serving.now, spec("tight", 20_000)))
            await load(8_000)
            assert computing_s(replica.batch_limit) <= cycle_s(0.02)
            serving.change(changes.delete_application(serving.now, "tight"))
            await load(8_000)
            assert computing_s(replica.batch_limit) > 0.02

    run_virtually(scenario)


def computing_s(inputs: int) -> float:
    return 0.005 + 0.0001 * inputs


async def compute(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    await asyncio.sleep(computing_s(batch.size))
    peer.answer(batch_id, echoed(batch), computing_s(batch.size))


def spec(name: str, slo_micros: int) -> Application:
    return Application(
        name=name,
        input_type=application().input_type,
        default_output="-1.0",
        latency_slo_micros=slo_micros,
        models=("m",),
    )
