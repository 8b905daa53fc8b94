"""The eviction policies on the traces: hit rates, and what a hit and an admission cost."""

import gc
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from benchmarks.cache.policies import Clock, Entry, EvictionPolicy, Lru, S3Fifo, Sieve
from benchmarks.cache.traces import traces
from benchmarks.report import Sheet

POLICIES: dict[str, Callable[[int], EvictionPolicy]] = {"LRU": Lru, "CLOCK": Clock, "SIEVE": Sieve, "S3-FIFO": S3Fifo}

ROUNDS = 5


def measure_eviction(requests: int, keys: int, share: float) -> list[Sheet]:
    """Room for `share` of the keys. Two tables: hit rates by trace, microseconds on the first trace."""
    room = int(keys * share)
    rates: list[tuple[str, ...]] = []
    first: Sequence[bytes] = ()
    for name, trace in traces(requests, keys):
        asked = [b"%d" % key for key in trace.tolist()]
        first = first or asked
        rates.append((name, *(f"{_hit_rate(make(room), asked):.4f}" for make in POLICIES.values())))
    title = f"Hit rate over {requests:,} requests, {keys:,} keys, room for {room:,}"
    return [Sheet(title, ("trace", *POLICIES), rates), _costs(first, room)]


def _hit_rate(policy: EvictionPolicy, asked: Sequence[bytes]) -> float:
    hits = 0
    entries = policy.entries
    ordered = entries if isinstance(entries, OrderedDict) else None
    for key in asked:
        entry = entries.get(key)
        if entry is None:
            policy.admit(Entry(key))
            continue
        hits += 1
        entry.used = True
        if ordered is not None:
            ordered.move_to_end(key)
    return hits / len(asked)


def _costs(asked: Sequence[bytes], room: int) -> Sheet:
    """In turns, so that a shared machine is unjust to all alike."""
    hits: dict[str, list[float]] = {name: [] for name in POLICIES}
    admissions: dict[str, list[float]] = {name: [] for name in POLICIES}
    for _ in range(ROUNDS):
        for name, make in POLICIES.items():
            policy = make(room)
            _hit_rate(policy, asked[: 10 * room])
            hits[name].append(_hit_us(policy))
            admissions[name].append(_admission_us(policy, asked))
    rows: list[tuple[str, ...]] = [
        (name, f"{min(hits[name]):.3f}", f"{min(admissions[name]):.3f}") for name in POLICIES
    ]
    return Sheet("Microseconds, the best of rounds in turn", ("policy", "lookup and hit", "admission, full"), rows)


def _hit_us(policy: EvictionPolicy) -> float:
    entries = policy.entries
    kept = list(entries)
    ordered = entries if isinstance(entries, OrderedDict) else None
    gc.collect()
    began = time.perf_counter()
    for key in kept:
        entry = entries.get(key)
        if entry is not None:
            entry.used = True
            if ordered is not None:
                ordered.move_to_end(key)
    return (time.perf_counter() - began) / len(kept) * 1e6


def _admission_us(policy: EvictionPolicy, asked: Sequence[bytes]) -> float:
    """Of what the trace asks and the policy has not, with the hits between them made but not timed."""
    entries = policy.entries
    ordered = entries if isinstance(entries, OrderedDict) else None
    spent = 0.0
    admitted = 0
    clock = time.perf_counter
    for key in asked[-10 * len(entries) :]:
        entry = entries.get(key)
        if entry is None:
            made = Entry(key)
            began = clock()
            policy.admit(made)
            spent += clock() - began
            admitted += 1
        elif ordered is not None:
            ordered.move_to_end(key)
        else:
            entry.used = True
    return (spent / admitted - _clock_s()) * 1e6


def _clock_s() -> float:
    """What reading the clock twice adds."""
    clock = time.perf_counter
    spent = 0.0
    for _ in range(10_000):
        began = clock()
        spent += clock() - began
    return spent / 10_000
