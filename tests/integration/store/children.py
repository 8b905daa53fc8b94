"""Processes that share a store with a test: `python -m tests.integration.store.children NAME STORE [ARGUMENT]`.

STORE is the folder of an embedded one, or the URL of a Redis server.
"""

import json
import os
import resource
import sys
from collections import deque
from concurrent.futures import Future
from itertools import count
from pathlib import Path

from clipper.core.errors import ClipperError
from clipper.store import LmdbStore, Store, StoreConfig, Transaction
from clipper.store.redis.store import RedisStore

IN_FLIGHT = 50
TIMEOUT_S = 30.0
FILE_LIMIT_BYTES = 2 * 1024**2


def say(line: str) -> None:
    """One line at once: what a killed process said was said."""
    os.write(1, f"{line}\n".encode())


def commit_until_killed(store: Store, argument: str) -> None:
    """Commit pairs of keys that must agree, many at a time; say the number of each that was acknowledged."""
    waiting: deque[tuple[int, Future[bool]]] = deque()
    for number in count(int(argument)):
        value = b"%d" % number * (1 + number % 300)
        pair = {b"left/%d" % number: value, b"right/%d" % number: value, b"last/both": value}
        waiting.append((number, store.commit(Transaction(put=pair))))
        if len(waiting) == IN_FLIGHT:
            acknowledged, future = waiting.popleft()
            assert future.result()
            say(str(acknowledged))


def increment(store: Store, argument: str) -> None:
    """Add one to the counter, `argument` times, by compare-and-set; say how often it had to be tried again."""
    retries = 0
    for _ in range(int(argument)):
        while True:
            value = store.get(b"count/n")
            following = b"%d" % (int(value or b"0") + 1)
            if store.commit(Transaction(put={b"count/n": following}, expect={b"count/n": value})).result():
                break
            retries += 1
    say(str(retries))


def commit_on_request(store: Store, _: str) -> None:
    """Commit every key that is asked for on standard input, and say it when it is durable."""
    say("ready")
    for line in sys.stdin:
        key = line.strip()
        assert store.commit(Transaction(put={key.encode(): b"x"})).result()
        say(key)


def fill_the_disk(store: Store, _: str) -> None:
    """Write until the file may not grow, go on reading, and write again when there is room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, hard))
    small = {b"full/small": b"kept"}
    assert store.commit(Transaction(put=small)).result()
    kept, error = [], None
    for number in range(1000):
        try:
            store.commit(Transaction(put={b"full/%d" % number: bytes(10_000)})).result()
        except ClipperError as full:
            error = full
            break
        kept.append(number)
    readable = store.get(b"full/small") == b"kept" and all(store.get(b"full/%d" % n) for n in kept)
    failed_is_absent = store.get(b"full/%d" % len(kept)) is None
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = store.commit(Transaction(put={b"full/later": b"1"}, expect=dict(small))).result()
    verdict = {
        "code": error and error.code,
        "message": error and error.message,
        "kept": len(kept),
        "readable": readable,
        "failed_is_absent": failed_is_absent,
        "writes_again": again,
    }
    say(json.dumps(verdict))


CHILDREN = {child.__name__: child for child in (commit_until_killed, increment, commit_on_request, fill_the_disk)}


def open_store(where: str) -> LmdbStore | RedisStore:
    if "://" in where:
        return RedisStore.open(StoreConfig(url=where, timeout_s=TIMEOUT_S))
    return LmdbStore.open(Path(where), StoreConfig())


if __name__ == "__main__":
    name, where, *arguments = sys.argv[1:]
    with open_store(where) as opened:
        CHILDREN[name](opened, *arguments or [""])
