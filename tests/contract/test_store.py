"""What every `Store` must do, run against each implementation."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store import LmdbStore, Store, StoreConfig, Transaction
from clipper.store.redis.store import RedisStore
from tests.redis_server import RedisServer

OpenStore = Callable[[Path], Store]

TIMEOUT_S = 30.0  # disks stall for seconds; a test fails by its result, not by their speed


@pytest.fixture(params=["lmdb", "redis"])
def open_store(request: pytest.FixtureRequest, redis_server: RedisServer) -> OpenStore:
    def open_lmdb(folder: Path) -> Store:
        return LmdbStore.open(folder / "store")

    def open_redis(folder: Path) -> Store:
        return RedisStore.open(StoreConfig(url=redis_server.url(folder), timeout_s=TIMEOUT_S))

    return open_lmdb if request.param == "lmdb" else open_redis


@pytest.fixture
def store(open_store: OpenStore, tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path)) as store:
        yield store


def commit(store: Store, transaction: Transaction) -> bool:
    return store.commit(transaction).result(TIMEOUT_S)


def put(store: Store, **values: bytes) -> None:
    assert commit(store, Transaction(put={f"a/{name}".encode(): value for name, value in values.items()}))


def test_absent_key_is_none(store: Store) -> None:
    assert store.get(b"a/missing") is None


def test_many_are_read_in_the_order_asked_for(store: Store) -> None:
    put(store, x=b"1", y=b"")
    assert store.get_many([b"a/y", b"a/missing", b"a/x"]) == [b"", None, b"1"]
    assert store.get_many([]) == []


def test_put_replace_and_delete(store: Store) -> None:
    put(store, x=b"1")
    assert store.get(b"a/x") == b"1"
    put(store, x=b"")
    assert store.get(b"a/x") == b""
    assert commit(store, Transaction(delete={b"a/x", b"a/never-there"}))
    assert store.get(b"a/x") is None


def test_scan_returns_the_prefix_in_key_order(store: Store) -> None:
    keys = [b"a/", b"a/1", b"a/10", b"a/2", b"a/\xff", b"a0", b"b/1"]
    assert commit(store, Transaction(put={key: key for key in reversed(keys)}))
    assert store.scan(b"a/") == [(key, key) for key in keys[:5]]
    assert store.scan(b"a/1") == [(b"a/1", b"a/1"), (b"a/10", b"a/10")]
    assert store.scan(b"") == [(key, key) for key in keys]
    assert store.scan(b"c") == []
    assert store.scan(b"a/3") == []


def test_failed_expectation_changes_nothing(store: Store) -> None:
    put(store, x=b"1", y=b"1")
    wrong_value = Transaction(put={b"a/y": b"2"}, delete={b"a/x"}, expect={b"a/x": b"1", b"a/y": b"0"})
    wrong_absence = Transaction(put={b"a/z": b"2"}, expect={b"a/x": None})
    wrong_presence = Transaction(put={b"a/z": b"2"}, expect={b"a/z": b""})
    for transaction in (wrong_value, wrong_absence, wrong_presence):
        assert not commit(store, transaction)
    assert store.scan(b"a/") == [(b"a/x", b"1"), (b"a/y", b"1")]


def test_transaction_of_expectations_only_tells_whether_they_hold(store: Store) -> None:
    put(store, x=b"1")
    assert commit(store, Transaction(expect={b"a/x": b"1", b"a/y": None}))
    assert not commit(store, Transaction(expect={b"a/x": b"2"}))
    assert commit(store, Transaction())


def test_transactions_queued_together_see_each_other_in_order(store: Store) -> None:
    steps = [Transaction(put={b"a/n": b"%d" % (n + 1)}, expect={b"a/n": b"%d" % n if n else None}) for n in range(300)]
    late = Transaction(put={b"a/n": b"0"}, expect={b"a/n": b"7"})
    futures = [store.commit(transaction) for transaction in [*steps, late]]
    assert [future.result(TIMEOUT_S) for future in futures] == [True] * 300 + [False]
    assert store.get(b"a/n") == b"300"


def test_commits_are_awaited_from_asyncio(store: Store) -> None:
    async def count(name: bytes) -> None:
        for n in range(20):
            transaction = Transaction(put={name: b"%d" % (n + 1)}, expect={name: b"%d" % n if n else None})
            assert await asyncio.wrap_future(store.commit(transaction))

    async def count_together() -> None:
        await asyncio.gather(*(count(b"a/%d" % n) for n in range(20)))

    asyncio.run(count_together())
    assert [value for _, value in store.scan(b"a/")] == [b"20"] * 20


@pytest.mark.parametrize(
    "transaction",
    [
        Transaction(put={b"": b"1"}),
        Transaction(put={b"k" * 512: b"1"}),
        Transaction(delete={b""}),
        Transaction(expect={b"k" * 512: None}),
        Transaction(put={b"a/x": b"1"}, delete={b"a/x"}),
    ],
)
def test_malformed_transaction_is_refused_at_once(store: Store, transaction: Transaction) -> None:
    with pytest.raises(ClipperError) as caught:
        store.commit(transaction)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert not caught.value.retryable


def test_longest_key_and_long_value_are_kept(store: Store) -> None:
    key, value = b"a/" + b"k" * 509, bytes(range(256)) * 4096
    assert commit(store, Transaction(put={key: value}))
    assert store.get(key) == value
    assert store.scan(b"a/") == [(key, value)]


def test_empty_key_cannot_be_read(store: Store) -> None:
    with pytest.raises(ClipperError) as caught:
        store.get(b"")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_close_commits_what_is_queued_and_everything_is_there_when_opened_again(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store = open_store(tmp_path)
    futures = [store.commit(Transaction(put={b"a/%03d" % n: b"%d" % n})) for n in range(600)]
    store.close()
    assert all(future.result(0) for future in futures)
    with closing(open_store(tmp_path)) as again:
        assert again.scan(b"a/") == [(b"a/%03d" % n, b"%d" % n) for n in range(600)]


def test_closed_store_refuses(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.close()
    store.close()
    with pytest.raises(ClipperError) as refused:
        store.commit(Transaction(put={b"a/x": b"1"}))
    assert refused.value.code is ErrorCode.STORE_FAILED
    with pytest.raises(ClipperError) as unreadable:
        store.get(b"a/x")
    assert unreadable.value.code is ErrorCode.STORE_FAILED


def test_watch_is_true_once_after_commits_under_its_prefix(store: Store) -> None:
    put(store, x=b"0")
    watch, other = store.watch(b"a/"), store.watch(b"a/sub/")
    assert not watch.changed()
    put(store, x=b"1")
    put(store, x=b"2")
    assert watch.changed()
    assert not watch.changed()
    assert other.changed()
    assert commit(store, Transaction(delete={b"a/x"}))
    assert watch.changed()
    assert not watch.changed()


def test_watch_is_told_of_a_change_that_follows_a_commit_without_effect(store: Store) -> None:
    watch = store.watch(b"a/")
    assert commit(store, Transaction(delete={b"a/absent"}))
    watch.changed()  # may be either
    put(store, x=b"1")
    assert watch.changed()


def test_watch_needs_a_whole_first_segment(store: Store) -> None:
    for prefix in (b"", b"a"):
        with pytest.raises(ClipperError) as caught:
            store.watch(prefix)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT


# --- any sequence of operations, against a dict ---

KEYS = st.sampled_from([b"a/1", b"a/2", b"a/10", b"b/1", b"b", b"\xff/\x00"])
VALUES = st.binary(max_size=4)
OPERATIONS = st.tuples(
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.sets(KEYS, max_size=2),
    st.dictionaries(KEYS, st.none() | VALUES, max_size=2),
    st.booleans(),
)


class AgainstDict(RuleBasedStateMachine):
    """Groups of transactions, reads, watches and reopening; a dict says what is right."""

    open: OpenStore

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = self.open(self.folder)
        self.model: dict[bytes, bytes] = {}
        self.watch = self.store.watch(b"a/")

    @rule(group=st.lists(OPERATIONS, min_size=1, max_size=4))
    def commit_group(self, group: list[tuple[dict[bytes, bytes], set[bytes], dict[bytes, bytes | None], bool]]) -> None:
        queued, expected, touched = [], [], False
        for put, delete, guess, guess_right in group:
            expect = {key: self.model.get(key) for key in guess} if guess_right else guess
            transaction = Transaction(put=put, delete=delete - put.keys(), expect=expect)
            queued.append(self.store.commit(transaction))
            held = all(self.model.get(key) == value for key, value in expect.items())
            expected.append(held)
            if held:
                before = dict(self.model)
                self.model.update(put)
                for key in transaction.delete:
                    self.model.pop(key, None)
                touched |= any(before.get(key) != self.model.get(key) for key in (b"a/1", b"a/2", b"a/10"))
        assert [future.result(TIMEOUT_S) for future in queued] == expected
        assert self.watch.changed() or not touched
        assert not self.watch.changed()

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.store.get(key) == self.model.get(key)

    @rule(prefix=st.sampled_from([b"", b"a/", b"a/1", b"b", b"c", b"\xff"]))
    def scan(self, prefix: bytes) -> None:
        under = sorted(item for item in self.model.items() if item[0].startswith(prefix))
        assert self.store.scan(prefix) == under

    @precondition(lambda self: self.model)
    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = self.open(self.folder)
        self.watch = self.store.watch(b"a/")

    @invariant()
    def nothing_else_is_there(self) -> None:
        assert dict(self.store.scan(b"")) == self.model

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


def test_store_behaves_like_a_dict(open_store: OpenStore) -> None:
    class Machine(AgainstDict):
        open = staticmethod(open_store)

    limits = settings(max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=limits)
