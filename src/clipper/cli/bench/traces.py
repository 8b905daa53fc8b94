"""Recorded arrivals of other services, replayed at a rate of one's own.

Two forms are known, plain or compressed (gzip, bzip2, also as the one file of a tar archive): so many requests in each
second, a number for each; and a table with a time for each request in its first column, as ISO 8601 or in seconds.
"""

import bz2
import csv
import gzip
import io
import tarfile
from datetime import datetime
from math import inf
from pathlib import Path

import numpy as np

from clipper.cli.bench.arrivals import Times, refuse_too_many
from clipper.core.errors import ClipperError, invalid

SECOND_DIGITS = 6
"""Of a fraction of a second that Python 3.11 reads; some traces write seven."""


def replay(path: Path, per_second: float | None, start_s: float, seconds: float, rng: np.random.Generator) -> Times:
    """Arrivals for `seconds`, from `start_s` of the trace on.

    Args:
        path: the trace.
        per_second: what the mean rate is to be; None: as it was recorded. Counts per second are multiplied, and the
            arrivals of a second are at random within it; recorded times keep their bursts and are played faster or
            slower instead.
        start_s: where in the trace to begin, in its own time.
        seconds: how long to replay.
        rng: for arrivals within a second.

    Returns:
        times in seconds from the start, ascending.

    Raises:
        ClipperError: INVALID_ARGUMENT if the file is not a trace, or has nothing at that time.
    """
    text = _text(path)
    first = text.split(None, 1)[0] if text.strip() else ""
    if _is_number(first) and "," not in text[:1000]:
        found = _of_counts(_numbers(path, text.split()), per_second, int(start_s), seconds, rng)
    else:
        found = _of_times(_times(path, text), per_second, start_s, seconds)
    if not len(found):
        raise invalid(f"Invalid --trace {path}: it has no requests from second {start_s:g} on")
    return found


def _of_counts(counts: Times, per_second: float | None, start: int, seconds: float, rng: np.random.Generator) -> Times:
    chosen = counts[start : start + max(1, int(np.ceil(seconds)))]
    mean = chosen.mean() if len(chosen) else 0.0
    if not mean:
        return np.empty(0)
    rates = chosen * (1.0 if per_second is None else per_second / mean)
    refuse_too_many(float(rates.sum()))
    due = np.concatenate([second + np.sort(rng.random(count)) for second, count in enumerate(rng.poisson(rates))])
    return due[due < seconds]


def _of_times(times: Times, per_second: float | None, start_s: float, seconds: float) -> Times:
    times = times[times >= times[0] + start_s] - (times[0] + start_s) if len(times) else times
    if per_second is not None and len(times):
        wanted = times[: max(2, round(per_second * seconds))]
        pace = len(wanted) / per_second / max(float(wanted[-1]), 1e-9)
        times = wanted * pace
    due = times[times < seconds]
    refuse_too_many(len(due))
    return due


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        elif content[:3] == b"BZh":
            content = bz2.decompress(content)
        if content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                member = next((each for each in archive if each.isfile()), None)
                file = None if member is None else archive.extractfile(member)
                content = b"" if file is None else file.read()
        return content.decode()
    except FileNotFoundError:
        raise invalid(f"Invalid --trace {path}: there is no such file") from None
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise invalid(f"Invalid --trace {path}: {error}") from None


def _times(path: Path, text: str) -> Times:
    cells = [row[0] for row in csv.reader(io.StringIO(text)) if row]
    if cells and _seconds(cells[0]) is None:
        cells = cells[1:]  # the titles of the columns
    found = [_seconds(cell) for cell in cells]
    if not found or None in found:
        raise _no_trace(path)
    return np.sort(np.array(found, np.float64))


def _seconds(cell: str) -> float | None:
    if _is_number(cell):
        return float(cell)
    whole, dot, fraction = cell.strip().partition(".")
    try:
        return datetime.fromisoformat(whole + dot + fraction[:SECOND_DIGITS]).timestamp()
    except ValueError:
        return None


def _numbers(path: Path, words: list[str]) -> Times:
    try:
        found = np.array(words, np.float64)
    except ValueError:
        raise _no_trace(path) from None
    if not np.isfinite(found).all() or found.min() < 0:
        raise _no_trace(path)
    return found


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < inf
    except ValueError:
        return False


def _no_trace(path: Path) -> ClipperError:
    return invalid(
        f"Invalid --trace {path}: expected a count for each second, or a table with a time for each request in its "
        "first column"
    )
