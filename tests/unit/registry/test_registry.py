"""The registry's operations on stores that are overtaken, fail, or are slow."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.registry import changes
from clipper.registry.registry import MAX_ATTEMPTS, Registry
from clipper.store import Transaction, Watch
from tests.unit.registry.world import World, application, model, replica


class MemoryStore(World):
    """A store in memory; `before_commit` may change what is there, raise, or leave it as it is."""

    is_local: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.before_commit: Callable[[], None] = lambda: None
        self.scans = 0

    def get(self, key: bytes) -> bytes | None:
        return self.records.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        self.scans += 1
        return sorted(item for item in self.records.items() if item[0].startswith(prefix))

    def commit(self, transaction: Transaction) -> Future[bool]:
        done: Future[bool] = Future()
        try:
            self.before_commit()
            done.set_result(self.apply(transaction))
        except ClipperError as error:
            done.set_exception(error)
        return done

    def watch(self, prefix: bytes) -> Watch:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def test_every_operation_reaches_the_store() -> None:
    store = MemoryStore()
    registry = Registry(store)

    async def operate() -> None:
        await registry.add_application(application())
        await registry.add_model(model("m", "1"), make_current=True)
        await registry.add_model(model("m", "2"))
        await registry.add_model(model("n", "1"))
        await registry.add_model(model("o", "1"))
        await registry.link_models("app", ["m", "n"])
        await registry.unlink_models("app", ["m"])
        await registry.relink_models("app", ["o", "m"])
        await registry.set_current_version("m", "2")
        await registry.delete_model_version("m", "1")
        await registry.delete_model("n")
        await registry.set_replicas("m", "2", 2)
        await registry.put_replica(replica("m", "2", 0))
        await registry.put_replica(replica("m", "2", 1))
        await registry.delete_replica("m", "2", 0)

    asyncio.run(operate())
    snapshot = registry.snapshot()
    assert snapshot == store.snapshot
    assert snapshot.applications == {"app": application(models=("o", "m"))}
    assert snapshot.models == {("m", "2"): model("m", "2", replicas=2), ("o", "1"): model("o", "1")}
    assert snapshot.current == {"m": "2"}
    assert list(snapshot.replicas) == [("m", "2", 1)]
    assert snapshot.revision == 15
    asyncio.run(registry.delete_application("app"))
    assert not registry.snapshot().applications


def test_refused_operation_commits_nothing() -> None:
    store = MemoryStore()
    with pytest.raises(ClipperError) as caught:
        asyncio.run(Registry(store).delete_application("app"))
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert not store.records


def test_snapshot_is_taken_again_only_when_the_revision_has_changed() -> None:
    store = MemoryStore()
    registry = Registry(store)
    store.do(changes.add_application, application())
    first = registry.snapshot()
    assert registry.snapshot() is first
    assert store.scans == 1
    store.do(changes.delete_application, "app")
    assert not registry.snapshot().applications
    assert first.applications


def test_overtaken_operation_is_decided_anew() -> None:
    store = MemoryStore()
    registry = Registry(store)
    overtaking = iter([application("first"), application("second")])

    def overtake() -> None:
        for other in overtaking:
            store.do(changes.add_application, other)
            return

    store.before_commit = overtake
    asyncio.run(registry.add_application(application()))
    assert set(registry.snapshot().applications) == {"app", "first", "second"}


def test_overtaken_operation_is_refused_if_it_is_no_longer_allowed() -> None:
    store = MemoryStore()

    def add_the_same() -> None:
        if not store.records:
            store.do(changes.add_application, application())

    store.before_commit = add_the_same
    with pytest.raises(ClipperError, match="application 'app' already exists"):
        asyncio.run(Registry(store).add_application(application()))


def test_operation_that_is_always_overtaken_gives_up() -> None:
    store = MemoryStore()
    store.do(changes.add_model, model("m", "1"))
    attempts = []

    def overtake() -> None:
        attempts.append(1)
        store.do(changes.set_current_version, "m", "1")

    store.before_commit = overtake
    with pytest.raises(ClipperError) as caught:
        asyncio.run(Registry(store).add_application(application()))
    assert caught.value.code is ErrorCode.STORE_BUSY
    assert caught.value.retryable
    assert len(attempts) == MAX_ATTEMPTS


def test_failure_of_the_store_is_passed_on_and_the_next_operation_works() -> None:
    store = MemoryStore()
    registry = Registry(store)

    def fail() -> None:
        raise ClipperError(ErrorCode.STORE_FULL, "full")

    async def add_twice() -> None:
        store.before_commit = fail
        with pytest.raises(ClipperError, match="full"):
            await registry.add_application(application())
        store.before_commit = lambda: None
        await registry.add_application(application())

    asyncio.run(add_twice())
    assert set(registry.snapshot().applications) == {"app"}


class LaterStore(MemoryStore):
    """Its commits are done in the event loop's next round, like those of one group."""

    def commit(self, transaction: Transaction) -> Future[bool]:
        done: Future[bool] = Future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(self.apply(transaction)))
        return done


def test_operations_of_one_process_do_not_overtake_each_other() -> None:
    """More at once than there are attempts."""
    registry = Registry(LaterStore())
    many = MAX_ATTEMPTS + 50

    async def add_all() -> None:
        await asyncio.gather(*(registry.add_application(application(f"app{n}")) for n in range(many)))

    asyncio.run(add_all())
    assert registry.snapshot().revision == many


class SlowStore(MemoryStore):
    """Its commits never end."""

    def commit(self, transaction: Transaction) -> Future[bool]:
        return Future()


def test_cancelled_operation_does_not_block_the_next() -> None:
    registry = Registry(SlowStore())

    async def cancel_one() -> None:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await registry.add_application(application())

    asyncio.run(cancel_one())
