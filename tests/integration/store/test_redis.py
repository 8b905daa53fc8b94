"""What the store on Redis promises beyond every store: several processes, a server without memory, its log."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode
from clipper.store import Store, StoreConfig, Transaction, Watch
from clipper.store.redis.store import PAGE_KEYS, RedisStore
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from tests.integration.store.conftest import StartChild

TIMEOUT_S = 30.0


def opened(url: str) -> RedisStore:
    return RedisStore.open(StoreConfig(url=url, timeout_s=TIMEOUT_S))


def put(store: Store, key: bytes, value: bytes) -> None:
    assert store.commit(Transaction(put={key: value})).result(TIMEOUT_S)


def is_told(watch: Watch) -> bool:
    until = monotonic() + TIMEOUT_S
    while monotonic() < until:
        if watch.changed():
            return True
    return False


def test_two_processes_count_exactly(redis_server: RedisServer, tmp_path: Path, start_child: "StartChild") -> None:
    url = redis_server.url(tmp_path)
    children = [start_child("increment", url, "200") for _ in range(2)]
    assert [child.wait(TIMEOUT_S) for child in children] == [0, 0]
    with opened(url) as store:
        assert store.get(b"count/n") == b"400"


def test_killed_writer_leaves_whole_transactions_and_all_it_acknowledged(
    redis_server: RedisServer, tmp_path: Path, start_child: "StartChild"
) -> None:
    url = redis_server.url(tmp_path)
    child = start_child("commit_until_killed", url, "0")
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(500)]
    child.kill()
    with opened(url) as store:
        left = {int(key[5:]): value for key, value in store.scan(b"left/")}
        right = {int(key[6:]): value for key, value in store.scan(b"right/")}
    assert left == right
    assert left.keys() >= set(acknowledged)


def test_commit_elsewhere_is_told_and_own_ones_are_told_once(redis_server: RedisServer, tmp_path: Path) -> None:
    with opened(redis_server.url(tmp_path)) as store, opened(redis_server.url(tmp_path)) as other:
        watch, elsewhere, apart = store.watch(b"a/"), other.watch(b"a/"), other.watch(b"b/")
        for number in range(50):
            value = b"%d" % number
            put(store, b"a/x", value)
            assert watch.changed()
            assert is_told(elsewhere)
            assert other.get(b"a/x") == value
            assert not watch.changed()
        assert not apart.changed()


def test_databases_of_one_server_do_not_hear_of_each_other(redis_server: RedisServer, tmp_path: Path) -> None:
    with ExitStack() as stack:
        first, second = (stack.enter_context(opened(redis_server.url(tmp_path / name))) for name in ("1", "2"))
        second_again = stack.enter_context(opened(redis_server.url(tmp_path / "2")))
        watch = second.watch(b"a/")
        put(first, b"a/x", b"1")
        assert second.get(b"a/x") is None
        assert not watch.changed()
        put(second_again, b"a/x", b"2")
        assert is_told(watch)
        assert first.get(b"a/x") == b"1"


def test_scan_of_many_pages_is_whole_and_in_order(redis_server: RedisServer, tmp_path: Path) -> None:
    many = {b"a/%06d" % number: b"%d" % number for number in range(2 * PAGE_KEYS + 1)}
    with opened(redis_server.url(tmp_path)) as store:
        assert store.commit(Transaction(put=many)).result(TIMEOUT_S)
        large = {b"b/%d" % number: bytes(3 * 1024**2) for number in range(4)}
        assert store.commit(Transaction(put=large)).result(TIMEOUT_S)
        assert store.scan(b"a/") == sorted(many.items())
        assert store.scan(b"b/") == sorted(large.items())


def test_server_that_has_forgotten_the_scripts_is_told_again(redis_server: RedisServer, tmp_path: Path) -> None:
    with opened(redis_server.url(tmp_path)) as store, redis_server.client() as client:
        put(store, b"a/x", b"1")
        client.script_flush()
        put(store, b"a/x", b"2")
        client.script_flush()
        assert store.scan(b"a/") == [(b"a/x", b"2")]


def test_full_server_refuses_commits_and_reads_go_on() -> None:
    with RedisServer() as server, server.client() as client, opened(server.url()) as store:
        put(store, b"a/small", b"kept")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 2 * 1024**2)
        with pytest.raises(ClipperError) as caught:
            for number in range(100):
                put(store, b"a/%d" % number, bytes(100_000))
        assert caught.value.code is ErrorCode.STORE_FULL
        assert store.get(b"a/small") == b"kept"
        client.config_set("maxmemory", 0)
        put(store, b"a/later", b"1")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("--appendonly", "no"), "set appendonly yes"),
        (("--appendfsync", "everysec"), "set appendfsync always"),
        (("--maxmemory-policy", "allkeys-lru"), "set maxmemory-policy noeviction"),
        ((), None),
    ],
)
def test_server_that_may_lose_feedback_is_named_in_the_log(
    settings: tuple[str, ...], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), RedisServer(*settings) as server, opened(server.url()) as store:
        put(store, b"a/x", b"1")
    assert said in caplog.text if said else not caplog.text


def test_password_is_needed_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer("--requirepass", "secret") as server:
        url = f"unix://:%s@{server.socket}?db=0"
        with opened(url % "secret") as store:
            put(store, b"a/x", b"1")
        with opened(url % "wrong") as store, pytest.raises(ClipperError) as caught:
            store.get(b"a/x")
    assert caught.value.retryable
    assert "wrong" not in caught.value.message + caplog.text


def test_url_that_the_client_refuses_is_a_clear_error() -> None:
    with pytest.raises(ClipperError, match=r"Invalid store.url 'redis://host/0\?socket_timeout=soon'"):
        RedisStore.open(StoreConfig(url="redis://host/0?socket_timeout=soon"))
