"""When queries are due: from a rate, and from recorded traces."""

import bz2
import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from clipper.cli.bench.arrivals import Rate, arrivals, parse_rate
from clipper.cli.bench.traces import replay
from clipper.core.errors import ClipperError

COUNTS = "10\n0\n30\n20\n"
TIMES = (
    "TIMESTAMP,Tokens\n2023-11-16 18:17:03.9799600,4808\n2023-11-16 18:17:04.4799600,110\n2023-11-16 "
    "18:17:07.9799600,5\n"
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("poisson:500", ("poisson", 500.0)),
        ("constant:0.5", ("constant", 0.5)),
        ("closed:64", ("closed", 64.0)),
        ("7", ("poisson", 7.0)),
    ],
)
def test_rate_is_read(text: str, rate: tuple[str, float]) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "poisson", "often:5", "poisson:-1", "poisson:nan", "constant:inf", "closed:0"])
def test_rate_that_is_none_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ClipperError, match="expected poisson:N or constant:N"):
        parse_rate(text)


def test_poisson_arrivals_come_at_random_at_the_rate() -> None:
    due = arrivals(Rate("poisson", 200.0), 50.0, rng())
    gaps = np.diff(due)
    assert abs(len(due) - 10_000) < 400  # four standard deviations
    assert np.all(gaps >= 0)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05  # as of an exponential distribution


def test_constant_arrivals_are_evenly_apart() -> None:
    assert arrivals(Rate("constant", 4.0), 1.0, rng()).tolist() == [0.0, 0.25, 0.5, 0.75]


def test_more_queries_than_a_run_can_have_are_refused() -> None:
    with pytest.raises(ClipperError, match="at most"):
        arrivals(Rate("poisson", 1e6), 1e6, rng())


def test_counts_are_multiplied_to_the_rate_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text("\n".join(["10", "30"] * 50))
    due = replay(path, 400.0, 0.0, 100.0, rng())
    counts = np.bincount(due.astype(int), minlength=100)
    assert abs(len(due) - 40_000) < 800
    assert 2.7 < counts[1::2].mean() / counts[::2].mean() < 3.3  # what was busy stays three times as busy


def test_counts_begin_where_they_are_told_to(tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text(COUNTS)
    assert replay(path, None, 1.0, 2.0, rng()).min() >= 1.0  # the empty second comes first
    with pytest.raises(ClipperError, match="no requests from second 9 on"):
        replay(path, None, 9.0, 2.0, rng())


def test_recorded_times_keep_their_bursts_and_are_played_faster(tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    path.write_text(TIMES)
    assert replay(path, None, 0.0, 60.0, rng()).tolist() == pytest.approx([0.0, 0.5, 4.0])
    faster = replay(path, 3.0, 0.0, 1.5, rng())
    assert faster.tolist() == pytest.approx([0.0, 0.125, 1.0])  # three in one second: four times as fast


def test_compressed_traces_are_read(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:bz2") as file:
        member = tarfile.TarInfo("workload.txt")
        member.size = len(COUNTS)
        file.addfile(member, io.BytesIO(COUNTS.encode()))
    for content in (gzip.compress(COUNTS.encode()), bz2.compress(COUNTS.encode()), archive.getvalue()):
        path = tmp_path / "trace"
        path.write_bytes(content)
        assert len(replay(path, 100.0, 0.0, 4.0, rng())) > 300


@pytest.mark.parametrize("content", [b"", b"a,b\nc,d\n", b"1 2 x", b"1 -2", b"1 nan", b"\x1f\x8bbroken", b"\xff\xfe"])
def test_file_that_is_no_trace_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(ClipperError, match="Invalid --trace"):
        replay(path, None, 0.0, 1.0, rng())
