"""How batches are sized, and how long they wait for company, as the registry says and while it changes."""

import asyncio
from pathlib import Path

from clipper.abstraction.layer import ModelLayerConfig
from clipper.engine.engine import EngineConfig
from clipper.registry import changes
from clipper.registry.tuning import ApplicationChange, ModelChange
from tests.fake_container import FakeContainer
from tests.integration.engine.test_serving import announce
from tests.unit.abstraction.evaluations import number, until
from tests.unit.engine.world import Client, Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually


def test_batching_is_what_model_application_and_server_say_in_this_order(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        config = EngineConfig(models=ModelLayerConfig(batching="none"))
        async with FakeContainer(tmp_path / "c") as container, Serving(clock, config) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, container)
            replica = serving.engine.models["m", "1"].replicas[0]
            assert replica.batch_limit == 1
            serving.change(changes.set_application(serving.now, "app", ApplicationChange(batching="deadline")))
            assert replica.batch_limit > 1
            serving.change(changes.set_model(serving.now, "m", "1", ModelChange(batch_size=7)))
            assert replica.batch_limit == 7
            serving.change(changes.set_model(serving.now, "m", "1", ModelChange(batching="aimd")))
            assert replica.batch_limit == 1
            _, client = serving.ask("app", number(1))
            await until(lambda: bool(client.answers))
            assert replica.batch_limit == 2
            serving.change(changes.set_application(serving.now, "app", ApplicationChange(priority=3)))
            assert replica.batch_limit == 2  # what it has learned stays

    run_virtually(scenario)


def test_batches_wait_for_company_for_as_long_as_the_model_says(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container, Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, container)
            await ask_three(serving, 0)
            assert [len(batch) for batch in container.batches] == [1, 1, 1]
            container.batches.clear()
            serving.change(changes.set_model(serving.now, "m", "1", ModelChange(batch_size=9, batch_delay_ms=5.0)))
            before = clock()
            await ask_three(serving, 10)
            assert [len(batch) for batch in container.batches] == [3]
            assert 0.005 <= clock() - before < 0.009
            container.batches.clear()
            serving.change(changes.set_model(serving.now, "m", "1", ModelChange(batch_delay_ms=0.0)))
            await ask_three(serving, 20)
            assert [len(batch) for batch in container.batches] == [1, 1, 1]

    run_virtually(scenario)


def test_full_batch_does_not_wait(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container, Serving(clock) as serving:
            serving.add(application(models=("m",)), wanted())
            await announce(serving, container)
            serving.change(changes.set_model(serving.now, "m", "1", ModelChange(batch_size=3, batch_delay_ms=20.0)))
            before = clock()
            clients = [serving.ask("app", number(value))[1] for value in range(3)]
            await until(lambda: all(client.answers for client in clients))
            assert clock() - before < 0.02
            assert [len(batch) for batch in container.batches] == [3]

    run_virtually(scenario)


async def ask_three(serving: Serving, start: int) -> None:
    """One query each millisecond, until all are answered."""
    clients: list[Client] = []
    for value in range(start, start + 3):
        clients.append(serving.ask("app", number(value))[1])
        await asyncio.sleep(0.001)
    await until(lambda: all(client.answers for client in clients))
