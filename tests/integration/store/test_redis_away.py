"""A Redis server that hangs, is killed or was never there: nobody waits for long, nothing acknowledged is lost."""

import random
from collections.abc import Iterator
from concurrent.futures import Future, wait

import pytest

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode
from clipper.store import StoreConfig, Transaction, Watch
from clipper.store.redis.link import MAX_PAUSE_S
from clipper.store.redis.store import RedisStore
from tests.redis_server import RedisServer

TIMEOUT_S = 0.5
SLACK_S = 5.0
"""Of a busy machine."""

PATIENCE_S = 30.0


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    with RedisStore.open(StoreConfig(url=server.url(), timeout_s=TIMEOUT_S)) as store:
        yield store


def commit(store: RedisStore, key: bytes, value: bytes = b"1", **expect: bytes | None) -> "Future[bool]":
    return store.commit(Transaction(put={key: value}, expect={b"a/" + k.encode(): v for k, v in expect.items()}))


def outcome(future: "Future[bool]") -> bool | ErrorCode:
    try:
        return future.result(PATIENCE_S)
    except ClipperError as error:
        return error.code


def until_it_works(store: RedisStore, key: bytes) -> float:
    """Commit until that is acknowledged; how long it took."""
    began = monotonic()
    while outcome(commit(store, key)) is not True:
        assert monotonic() - began < PATIENCE_S
    return monotonic() - began


def until_told(watch: Watch) -> None:
    until = monotonic() + PATIENCE_S
    while not watch.changed():
        assert monotonic() < until, "nobody said that something may have been missed"


def test_hanging_server_fails_commits_and_reads_within_the_time_out_and_comes_back(
    server: RedisServer, store: RedisStore
) -> None:
    assert outcome(commit(store, b"a/before")) is True
    server.stop()
    began = monotonic()
    waiting = [commit(store, b"a/%d" % number) for number in range(1000)]
    assert {outcome(each) for each in waiting} == {ErrorCode.UNAVAILABLE}
    with pytest.raises(ClipperError, match=r"does not answer|did not answer") as caught:
        store.get(b"a/before")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert monotonic() - began < 2 * TIMEOUT_S + SLACK_S
    server.resume()
    assert until_it_works(store, b"a/after") < MAX_PAUSE_S + TIMEOUT_S + SLACK_S
    assert store.get_many([b"a/before", b"a/after"]) == [b"1", b"1"]


def test_after_a_failure_callers_are_told_at_once(server: RedisServer, store: RedisStore) -> None:
    server.stop()
    outcomes, began = 0, monotonic()
    while monotonic() - began < 4 * TIMEOUT_S:
        with pytest.raises(ClipperError):
            store.get(b"a/x")
        outcomes += 1
    server.resume()
    assert outcomes > 100, "each waited for the server"


def test_commit_that_failed_may_happen_later_but_only_as_expected_and_is_told(
    server: RedisServer, store: RedisStore
) -> None:
    """It lies in the socket of a server that hangs, and is read when that goes on."""
    assert outcome(commit(store, b"a/x", b"0")) is True
    server.stop()
    lost = commit(store, b"a/x", b"1", x=b"0")
    assert outcome(lost) is ErrorCode.UNAVAILABLE
    watch = store.watch(b"a/")
    server.resume()
    until_it_works(store, b"b/after")
    stored = store.get(b"a/x")
    assert stored in (b"0", b"1")
    if stored == b"1":
        until_told(watch)
    assert outcome(commit(store, b"a/x", b"2", x=stored)) is True
    assert outcome(commit(store, b"a/x", b"3", x=stored)) is False


def test_paused_server_is_slow_and_loses_nothing(server: RedisServer, store: RedisStore) -> None:
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", round(2e3 * TIMEOUT_S), "ALL")
    assert outcome(commit(store, b"a/x")) is ErrorCode.UNAVAILABLE
    until_it_works(store, b"a/y")
    assert store.get(b"a/y") == b"1"


@pytest.mark.parametrize("seed", range(3))
def test_killed_server_has_all_that_it_acknowledged(server: RedisServer, store: RedisStore, seed: int) -> None:
    choose = random.Random(seed)
    watch = store.watch(b"left/")
    kept: dict[bytes, bytes] = {}
    for life in range(3):
        pairs = {
            b"%d-%d" % (life, number): store.commit(
                Transaction(put={b"left/%d-%d" % (life, number): b"x", b"right/%d-%d" % (life, number): b"x"})
            )
            for number in range(2000)
        }
        acknowledged = list(pairs.values())[choose.randrange(1500)]
        wait([acknowledged], PATIENCE_S)
        server.kill()
        kept |= {b"left/" + name: b"x" for name, future in pairs.items() if outcome(future) is True}
        watch.changed()
        server.start()
        until_it_works(store, b"other/%d" % life)
        left = dict(store.scan(b"left/"))
        assert left.items() >= kept.items()
        assert {name[5:] for name in left} == {name[6:] for name, _ in store.scan(b"right/")}


def test_who_watches_looks_again_when_the_server_was_away(server: RedisServer, store: RedisStore) -> None:
    watch = store.watch(b"a/")
    assert not watch.changed()
    server.kill()
    server.start()
    until_told(watch)


def test_store_opens_and_closes_without_its_server_and_finds_it_later(server: RedisServer) -> None:
    server.kill()
    config = StoreConfig(url=server.url(), timeout_s=TIMEOUT_S)
    began = monotonic()
    with RedisStore.open(config) as store:
        waiting = [commit(store, b"a/%d" % number) for number in range(1000)]
    assert {outcome(each) for each in waiting} == {ErrorCode.UNAVAILABLE}
    assert monotonic() - began < 2 * TIMEOUT_S + SLACK_S
    with RedisStore.open(config) as store:
        server.start()
        until_it_works(store, b"a/x")
        assert store.get(b"a/x") == b"1"


def test_log_says_once_that_the_server_is_away_and_that_it_is_back(
    server: RedisServer, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    watch = store.watch(b"a/")
    server.kill()
    began = monotonic()
    while monotonic() - began < 2 * TIMEOUT_S:
        with pytest.raises(ClipperError):
            store.get(b"a/x")
    server.start()
    until_told(watch)
    until_it_works(store, b"a/x")
    deadline = monotonic() + PATIENCE_S
    while "answers again" not in caplog.text:
        assert monotonic() < deadline
    assert [record.message.partition(" (")[0].partition("?db=0 ")[2] for record in caplog.records] == [
        "does not answer: queries go on from what is known, feedback is refused",
        "answers again",
    ]
