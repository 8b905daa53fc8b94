"""How much a store costs: durable commits with 1, 64 and 256 in flight, one read, one look at a watch.

`python -m benchmarks.store [folder or URL]`: the embedded store on the disk of that folder (a new temporary one by
default), or the Redis server of that URL, whose database it must have for itself.
"""

import asyncio
import resource
import sys
import tempfile
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import perf_counter

import uvloop

from clipper.store import LmdbStore, Store, StoreConfig, Transaction
from clipper.store.redis.store import RedisStore

VALUE_BYTES = 1000
KEYS = 10_000
ROUND_S = 3.0


def main() -> None:
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with opened(where) as store:
        print("in flight   durable commits/s   CPU µs each   p50 ms   p99 ms")
        for in_flight in (1, 64, 256):
            print(uvloop.run(commits(store, in_flight)))
        print_reads(store)


@contextmanager
def opened(where: str | None) -> Iterator[Store]:
    if where is not None and "://" in where:
        with RedisStore.open(StoreConfig(url=where)) as store:
            yield store
        return
    with tempfile.TemporaryDirectory(dir=where) as folder, LmdbStore.open(Path(folder) / "store") as store:
        yield store


async def commits(store: Store, in_flight: int) -> str:
    latencies_s: list[float] = []
    numbers = count()
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = perf_counter()
    end = start + ROUND_S

    async def writer() -> None:
        while (sent := perf_counter()) < end:
            number = next(numbers)
            value = b"%0*d" % (VALUE_BYTES, number)
            transaction = Transaction(put={b"bench/%d" % (number * 7919 % KEYS): value})
            await asyncio.wrap_future(store.commit(transaction))
            latencies_s.append(perf_counter() - sent)

    await asyncio.gather(*(writer() for _ in range(in_flight)))
    elapsed_s = perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    latencies_s.sort()
    done = len(latencies_s)
    p50, p99 = latencies_s[done // 2] * 1e3, latencies_s[done * 99 // 100] * 1e3
    return f"{in_flight:9} {done / elapsed_s:19,.0f} {cpu_s / done * 1e6:13.1f} {p50:8.1f} {p99:8.1f}"


def print_reads(store: Store) -> None:
    watch = store.watch(b"bench/")
    repeats = 200_000 if store.is_local else 5_000
    for name, call in (("get, 1 KB", lambda: store.get(b"bench/7919")), ("watch.changed()", watch.changed)):
        best_s = min(timeit.repeat(call, number=repeats, repeat=5))
        print(f"{name:16} {best_s / repeats * 1e6:.2f} µs")


if __name__ == "__main__":
    main()
