"""The exact cache over HTTP: how much faster hits are, and how often a skewed stream hits."""

from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.bodies import JSON, Shot, json_bodies, write_bodies, write_keys
from benchmarks.cache.policies import Entry, Lru
from benchmarks.cache.traces import Trace, zipf
from benchmarks.cases import RequestFormat
from benchmarks.layer.bench import BODIES, LayerBench
from benchmarks.layer.load import closed
from benchmarks.layer.models import NoOp
from benchmarks.layer.server import PATH, fresh_folder, layer
from benchmarks.openloop.run import in_turn
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least

WIDTH = 8  # doubles: what is measured is the path through the front end
CONNECTIONS = 64
KEYS, ROOM = 100_000, 0.1
REQUESTS, QUICK_REQUESTS = 400_000, 40_000
TRIAL_BYTES = 1_000_000
HITS_TARGET = 1.2
CACHE_BYTES = "CLIPPER_CACHE_MAX_BYTES"


@dataclass(frozen=True)
class Zipf:
    """One stream through a cache with room for `entries`."""

    requests: int
    entries: int
    hit_rate: float
    lru_hit_rate: float


def measure(bench: LayerBench) -> Section:
    """Hits and misses in turn on one server, then the stream on others."""
    rows = np.random.default_rng(0).random((BODIES, WIDTH))
    file = write_bodies(bench.folder / "eight", json_bodies(rows, RequestFormat(PATH)))
    different = Shot(PATH, JSON, file)
    same = Shot(PATH, JSON, file, write_keys(bench.folder / "one-key", [1]))
    rates: dict[str, list[float]] = {"every input different": [], "one input": []}
    with fresh_folder() as folder, layer(folder) as server:
        server.deploy(NoOp(), example=[0.0] * WIDTH)
        for _ in range(bench.rounds):
            for (name, found), shot in zip(rates.items(), (different, same), strict=True):
                closed(server, shot, CONNECTIONS, 1.0)
                found.append(closed(server, shot, CONNECTIONS, bench.seconds).per_second)
                bench.tell(f"{name}: {found[-1]:,.0f}/s")
    noop, hits = (median(found) for found in rates.values())
    stream = _stream(bench, different)
    bench.tell(f"Zipf: {stream.hit_rate:.2%} hits, LRU {stream.lru_hit_rate:.2%}")
    table: list[tuple[str, ...]] = [("no-op, every input different", f"{noop:,.0f}"), ("cache hits", f"{hits:,.0f}")]
    zipf_row = (f"{stream.requests:,}", f"{stream.entries:,}", f"{stream.hit_rate:.2%}", f"{stream.lru_hit_rate:.2%}")
    return Section(
        "cache",
        "The prediction cache",
        f"{WIDTH} doubles as JSON, {CONNECTIONS} connections. The stream draws from {KEYS:,} inputs by Zipf's law with "
        f"exponent 1; the cache is given room for {ROOM:.0%} of them. LRU is simulated on the same keys, with as many "
        "entries as the cache holds at the end.",
        [
            Sheet("Closed loop", ("", "answers/s"), table),
            Sheet("Zipf(1.0)", ("requests", "entries", "hit rate", "LRU's"), [zipf_row]),
        ],
        [
            at_least("cache hits against the no-op path", hits / max(noop, 1e-9), HITS_TARGET),
            at_least(
                "Zipf(1.0) over 100,000 keys, room for 10 %: hit rate",
                stream.hit_rate / max(stream.lru_hit_rate, 1e-9),
                1.0,
                "× LRU's",
                f" ({stream.hit_rate:.2%} and {stream.lru_hit_rate:.2%})",
            ),
        ],
    )


def _stream(bench: LayerBench, shot: Shot) -> Zipf:
    count = QUICK_REQUESTS if bench.quick else REQUESTS
    bytes_each = TRIAL_BYTES / _entries(bench, shot)
    keys = zipf(count, KEYS, np.random.default_rng(11))
    stream = Shot(shot.path, shot.content_type, shot.file, write_keys(bench.folder / "zipf", keys.tolist()))
    environment = {CACHE_BYTES: str(round(bytes_each * ROOM * KEYS))}
    with fresh_folder() as folder, layer(folder, environment=environment) as server:
        server.deploy(NoOp(), example=[0.0] * WIDTH)
        before = server.read().metrics
        in_turn(server.port, stream, count, CONNECTIONS)
        after = server.read().metrics
    grown = {name: after[name] - before.get(name, 0.0) for name in after}
    hits = grown["clipper_model_cache_hits_total"] + grown["clipper_model_joined_total"]
    entries = round(after["clipper_cache_entries"])
    return Zipf(count, entries, hits / count, lru_hit_rate(keys, entries))


def _entries(bench: LayerBench, shot: Shot) -> float:
    """How many inputs fit into TRIAL_BYTES."""
    environment = {CACHE_BYTES: str(TRIAL_BYTES)}
    with fresh_folder() as folder, layer(folder, environment=environment) as server:
        server.deploy(NoOp(), example=[0.0] * WIDTH)
        closed(server, shot, CONNECTIONS, 1.0)
        return server.read().metrics["clipper_cache_entries"]


def lru_hit_rate(keys: Trace, entries: int) -> float:
    """Of a cache that forgets what was used longest ago."""
    cache = Lru(entries)
    hits = 0
    for key in (b"%d" % key for key in keys.tolist()):
        if key in cache.entries:
            hits += 1
            cache.entries.move_to_end(key)
        else:
            cache.admit(Entry(key))
    return hits / len(keys)
