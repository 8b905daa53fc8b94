"""The registry on the embedded store: it survives, it is seen by others, and two writers never corrupt it."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from clipper.registry.registry import Registry
from clipper.store import LmdbStore
from tests.unit.registry.world import application, model, replica

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 60.0
ROUNDS = 30


def test_everything_is_there_when_opened_again(tmp_path: Path) -> None:
    async def fill(registry: Registry) -> None:
        await registry.add_model(model(replicas=2), make_current=True)
        await registry.add_application(application(models=("m",)))
        await registry.put_replica(replica())

    with LmdbStore.open(tmp_path) as store:
        asyncio.run(fill(Registry(store)))
        before = Registry(store).snapshot()
    with LmdbStore.open(tmp_path) as store:
        assert Registry(store).snapshot() == before
    assert before.revision == 3


def test_watch_tells_of_every_change(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path) as store:
        registry = Registry(store)
        watch = registry.watch()
        assert not watch.changed()
        asyncio.run(registry.add_application(application()))
        assert watch.changed()
        assert not watch.changed()


def test_two_registries_on_one_store_race_and_lose_nothing(tmp_path: Path) -> None:
    async def race(store: LmdbStore) -> None:
        one, other = Registry(store), Registry(store)
        await one.add_application(application())
        await asyncio.gather(*(take_turns(one, "m")), *(take_turns(other, "n")))

    with LmdbStore.open(tmp_path) as store:
        asyncio.run(race(store))
        check_race(Registry(store))


def test_two_processes_race_and_lose_nothing(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path) as store:
        asyncio.run(Registry(store).add_application(application()))
    command = [sys.executable, "-m", "tests.integration.registry.test_registry_on_lmdb", str(tmp_path)]
    with ExitStack() as running:
        children = [running.enter_context(subprocess.Popen([*command, name], cwd=ROOT)) for name in ("m", "n")]
        for child in children:
            running.callback(child.kill)
        assert [child.wait(TIMEOUT_S) for child in children] == [0, 0]
    with LmdbStore.open(tmp_path) as store:
        check_race(Registry(store))


def take_turns(registry: Registry, name: str) -> list["asyncio.Task[None]"]:
    """Add versions of one model, linking and unlinking it, all at once."""

    async def turn(number: int) -> None:
        await registry.add_model(model(name, str(number)), make_current=True)
        await registry.put_replica(replica(name, str(number)))
        if number == 0:
            await registry.link_models("app", [name])

    return [asyncio.ensure_future(turn(number)) for number in range(ROUNDS)]


def check_race(registry: Registry) -> None:
    snapshot = registry.snapshot()
    expected = {(name, str(number)) for name in ("m", "n") for number in range(ROUNDS)}
    assert set(snapshot.models) == expected
    assert {(name, version) for name, version, _ in snapshot.replicas} == expected
    assert set(snapshot.applications["app"].models) == {"m", "n"}
    assert snapshot.revision == 1 + 2 * (2 * ROUNDS + 1)


async def _race_alone(store: LmdbStore, name: str) -> None:
    await asyncio.gather(*take_turns(Registry(store), name))


if __name__ == "__main__":
    with LmdbStore.open(Path(sys.argv[1])) as opened:
        asyncio.run(_race_alone(opened, sys.argv[2]))
