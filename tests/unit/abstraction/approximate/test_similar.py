"""The approximate cache on streams whose true answers are known."""

from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

import numpy as np
import pytest

from clipper.abstraction.approximate.similar import MAX_NUMBERS, ApproximateCache
from clipper.core.inputs import DType, Input

SIZE = 40
BOUND = 0.02
MODEL_S = 0.005


class Asked(NamedTuple):
    asked: Input
    truth: bytes


class Tally:
    """What became of a stream."""

    def __init__(self) -> None:
        self.queries = 0
        self.lookups = 0
        self.hits = 0
        self.wrong = 0
        self.saved = 0


def numbers(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Input:
    return Input(DType.FLOAT64, (len(values),), values.tobytes())


class Server:
    """Asks the approximate cache before a slow model."""

    def __init__(self, max_bytes: int = 1 << 24, seed: int = 1) -> None:
        self.cache = ApproximateCache(max_bytes, BOUND, seed)
        self.cache.effort.learn(MODEL_S)


def run(server: Server, stream: Iterator[Asked], queries: int) -> Tally:
    tally, cache = Tally(), server.cache
    for _ in range(queries):
        asked, truth = next(stream)
        tally.queries += 1
        if cache.effort.skip:
            cache.effort.skip -= 1
            continue
        lookup = cache.look_up(asked, -inf)
        assert lookup is not None
        tally.lookups += 1
        tally.hits += lookup.is_hit
        tally.wrong += lookup.is_hit and lookup.nearest.output != truth
        tally.saved += lookup.is_hit and not lookup.is_sample
        if lookup.is_sample or not lookup.is_hit:
            cache.learn(lookup, truth, 0.0)
    return tally


def repeats(seed: int, label: Callable[[int], bytes], things: int = 200, jitter: float = 0.05) -> Iterator[Asked]:
    """Things that come again and again, never quite the same."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((things, SIZE))
    while True:
        thing = int(rng.integers(things))
        yield Asked(numbers(centres[thing] + jitter * rng.standard_normal(SIZE)), label(thing))


def strangers(seed: int) -> Iterator[Asked]:
    """Never the same, never the same answer."""
    rng = np.random.default_rng(seed)
    while True:
        yield Asked(numbers(rng.standard_normal(SIZE)), b"%d" % rng.integers(10))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_jittered_repeats_are_answered_without_the_model(seed: int) -> None:
    server, stream = Server(seed=seed), repeats(seed, lambda thing: b"%d" % (thing % 10))
    tally = run(server, stream, 5000)
    assert tally.saved >= 0.6 * tally.queries
    assert tally.wrong <= BOUND * tally.hits
    assert server.cache.hits == tally.hits
    assert run(server, stream, 2000).saved >= 0.85 * 2000


def test_things_that_blur_into_each_other_are_answered_where_that_is_safe() -> None:
    """A border between two answers, and inputs everywhere: only those away from it may be answered."""
    rng = np.random.default_rng(5)

    def stream() -> Iterator[Asked]:
        while True:
            values = np.concatenate((rng.uniform(-1, 1, 2), np.zeros(SIZE - 2)))
            yield Asked(numbers(values), b"1" if values[0] + 0.1 * np.sin(9 * values[1]) > 0 else b"0")

    server, asked = Server(), stream()
    run(server, asked, 5000)
    tally = run(server, asked, 5000)
    assert tally.hits > 0.5 * tally.queries
    assert tally.wrong <= BOUND * tally.hits


def test_a_stream_without_repeats_is_soon_let_through() -> None:
    server = Server()
    tally = run(server, strangers(1), 20_000)
    assert tally.hits == 0
    assert tally.lookups * server.cache.effort.cost_s <= 0.04 * 20_000 * MODEL_S


def test_repeats_that_begin_later_are_noticed() -> None:
    server = Server()
    run(server, strangers(1), 5000)
    stream = repeats(2, lambda thing: b"%d" % (thing % 10), things=100)
    run(server, stream, 5000)
    assert run(server, stream, 1000).saved > 800


def test_answers_that_never_agree_are_never_reused() -> None:
    """A regression's: every output is another."""
    rng = np.random.default_rng(1)
    assert run(Server(), repeats(1, lambda _: b"%f" % rng.random()), 10_000).hits == 0


def test_a_model_that_changes_its_mind_is_noticed() -> None:
    server, shift = Server(), [0]
    stream = repeats(1, lambda thing: b"%d" % ((thing + shift[0]) % 10), things=50)
    run(server, stream, 3000)
    shift[0] = 1
    tally = run(server, stream, 10_000)
    assert tally.wrong <= 400  # until then 10 % of the answers were looked at, and all of them were wrong
    assert run(server, stream, 5000).wrong <= BOUND * 5000


def test_memory_is_bounded() -> None:
    server = Server(max_bytes=200_000)
    run(server, repeats(1, lambda thing: b"%d" % (thing % 10), things=2000), 3000)
    assert 100 < len(server.cache) <= 200_000 // (4 * SIZE)


@pytest.mark.parametrize(
    "asked",
    [
        Input(DType.STRING, (3,), b"abc"),
        Input(DType.BYTES, (3,), b"abc"),
        Input(DType.FLOAT64, (0,), b""),
        Input(DType.UINT8, (MAX_NUMBERS + 1,), bytes(MAX_NUMBERS + 1)),
        numbers(np.full(SIZE, np.nan)),
        numbers(np.full(SIZE, 1e300)),
    ],
    ids=["string", "bytes", "nothing", "too many", "nan", "too large"],
)
def test_what_cannot_be_compared_goes_to_the_model(asked: Input) -> None:
    cache = ApproximateCache(1 << 24, BOUND, 1)
    for each in (asked, numbers(np.zeros(SIZE)), asked):
        lookup = cache.look_up(each, -inf)
        assert lookup is None or not lookup.is_hit


def test_inputs_of_another_shape_are_not_compared() -> None:
    cache = ApproximateCache(1 << 24, BOUND, 1)
    assert cache.look_up(numbers(np.zeros(SIZE)), -inf) is not None
    assert cache.look_up(numbers(np.zeros(SIZE + 1)), -inf) is None
    assert cache.look_up(Input(DType.FLOAT32, (SIZE,), bytes(4 * SIZE)), -inf) is None
