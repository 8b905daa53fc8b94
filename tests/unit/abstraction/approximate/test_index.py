"""Nearest neighbours among what was kept."""

from math import inf

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from clipper.abstraction.approximate.index import (
    CANDIDATES,
    MAX_OUTPUT_BYTES,
    NOTHING_NEAR,
    Described,
    Nearest,
    NearestIndex,
    Numbers,
)

SIZE = 50


def index(max_bytes: int = 1 << 24, size: int = SIZE) -> NearestIndex:
    return NearestIndex(size, max_bytes, np.random.default_rng(3))


def described(where: NearestIndex, values: Numbers) -> Described:
    made = where.describe(values)
    assert made is not None
    return made


def add(where: NearestIndex, values: Numbers, output: bytes, made: float = 0.0) -> None:
    where.add(described(where, values), output, made)


def nearest(where: NearestIndex, values: Numbers, oldest: float = -inf) -> Nearest:
    return where.nearest(described(where, values), oldest)


def test_empty_index_finds_nothing() -> None:
    assert nearest(index(), np.zeros(SIZE)) is NOTHING_NEAR


@given(
    kept=arrays(np.float64, (CANDIDATES, 4), elements=st.floats(-1e3, 1e3)),
    asked=arrays(np.float64, 4, elements=st.floats(-1e3, 1e3)),
    outputs=st.lists(st.sampled_from([b"0", b"1"]), min_size=CANDIDATES, max_size=CANDIDATES),
)
def test_few_are_searched_as_by_hand(
    kept: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    asked: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    outputs: list[bytes],
) -> None:
    where = index(size=4)
    for values, output in zip(kept, outputs, strict=True):
        add(where, values, output)
    distances = np.sqrt(((kept - asked) ** 2).sum(axis=1))
    found = nearest(where, asked)
    assert found.distance == pytest.approx(distances.min(), rel=1e-3, abs=1e-2)
    others = [float(far) for far, output in zip(distances, outputs, strict=True) if output != found.output]
    assert found.rival == pytest.approx(min(others, default=inf), rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_near_duplicate_is_found_among_many(offset: float) -> None:
    rng = np.random.default_rng(1)
    kept = offset + rng.standard_normal((3000, SIZE))
    where = index()
    for place, values in enumerate(kept):
        add(where, values, b"%d" % place)
    for place in range(0, 3000, 10):
        jitter = rng.standard_normal(SIZE) * 0.1
        found = nearest(where, kept[place] + jitter)
        assert found.place == place
        assert found.distance == pytest.approx(float(np.sqrt(jitter @ jitter)), rel=0.05)
        assert found.rival > found.distance


def test_what_is_too_old_is_not_found_again() -> None:
    where = index()
    add(where, np.zeros(SIZE), b"old", made=1.0)
    add(where, np.ones(SIZE), b"new", made=5.0)
    assert nearest(where, np.zeros(SIZE), oldest=1.0).output == b"old"
    assert nearest(where, np.zeros(SIZE), oldest=2.0).output == b"new"
    assert nearest(where, np.zeros(SIZE)).output == b"new"
    assert nearest(where, np.zeros(SIZE), oldest=6.0) is NOTHING_NEAR


def test_full_index_replaces_what_was_not_used() -> None:
    entry = 4 * (SIZE + 32) + 400 + MAX_OUTPUT_BYTES
    where = index(max_bytes=10 * entry)
    for value in range(10):
        add(where, np.full(SIZE, float(value)), b"%d" % value)
    for value in (0, 1, 5):
        where.use(nearest(where, np.full(SIZE, float(value))).place)
    for value in range(100, 107):
        add(where, np.full(SIZE, float(value)), b"%d" % value)
    assert len(where) == 10
    left = [value for value in range(10) if nearest(where, np.full(SIZE, float(value))).output == b"%d" % value]
    assert left == [0, 1, 5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_cannot_be_compared_is_refused(value: float) -> None:
    where = index()
    add(where, np.zeros(SIZE), b"1")
    assert where.describe(np.full(SIZE, value)) is None


def test_long_outputs_are_not_kept() -> None:
    where = index()
    add(where, np.zeros(SIZE), bytes(MAX_OUTPUT_BYTES + 1))
    assert len(where) == 0


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_any_numeric_type(dtype: str) -> None:
    def full(value: int) -> Numbers:
        made: Numbers = np.full(SIZE, value, np.dtype(dtype))
        return made

    where = index()
    add(where, full(200), b"1")
    add(where, full(10), b"2")
    assert nearest(where, full(11)).output == b"2"
    assert nearest(where, full(11)).distance == pytest.approx(SIZE**0.5)
