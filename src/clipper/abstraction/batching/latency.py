"""The latency of a batch as a function of its size, learned from the batches themselves, with its spread.

Nothing is assumed of the function's shape: sizes are put into buckets, four to an octave, each of which remembers its
mean, and between buckets we interpolate. What all sizes have in common is drift (a noisy neighbour, larger inputs): a
batch that takes longer than expected raises the other buckets too, so that sizes out of use are not remembered wrongly.
"""

from collections import deque
from itertools import pairwise
from typing import Final

from clipper.abstraction.batching.controller import BATCH_OVERHEAD_S, UNTRIED

GROWTH: Final = 3.0
"""Beyond the largest size seen, the next may be this many times larger: a guess is checked before it is built on."""

NEWEST: Final = 0.2
"""Weight of the newest batch in its bucket's mean, once that has seen a few."""

DRIFT: Final = 0.18
"""Share of a surprise that is taken for a change of all sizes. Below NEWEST, so that the others never overshoot."""

SURPRISE: Final = 1.15
"""A batch that is slower or faster than expected by more than this, as a factor, is a surprise."""

STRIDE: Final = 0.1
MOST: Final = 2.0
"""A surprise counts as this much off, as a share; the second in a row in the same direction as twice as much, and so on
up to a factor. One hiccup changes next to nothing, a lasting change is followed within a dozen batches."""

LASTING: Final = 3
"""Surprises in a row that are taken for a change of all sizes. Fewer are not, or noise would make sizes that are out of
use ever slower: those that look slow are left, and would never be seen to be as fast as before."""

IMPRESSION: Final = 1.3
"""How far off, as a factor, a size may seem when it is seen for the first time: it may be a hiccup."""

WINDOW: Final = 64
"""Batches whose surprises make the spread."""

TOLERATED: Final = 1 / 32
"""Share of the surprises that the spread leaves out: hiccups that no batch size would have prevented."""

SMALL_S: Final = 0.001
"""Spreads are relative to the latency, but of one below this to this: a preempted batch is late by so much, not by so
many times."""

KEPT_BATCHES: Final = 8
MOST_KEPT_BATCHES: Final = 4096
"""A bucket that is not visited is forgotten after so many batches, the first for each of its visits if it is what keeps
batches from being larger: it may remember a hiccup, and only a new visit can tell. Each time that this happens to a
bucket it is kept twice as long, so that sizes that are truly too slow are hardly ever tried again."""

ENOUGH_VISITS: Final = 4
ALIKE: Final = 1.2
"""Sizes that are less than this many times apart say nothing of the slope, nor do those that have hardly been seen and
are less than twice apart."""

TRUSTED_VISITS: Final = 16
"""After which a bucket's past is forgiven."""

TIDY_BATCHES: Final = 8
"""Between two renewals of the spread and of what is out of use."""

FIXED_GUESS: Final = 0.5
"""Share of a batch's time that is taken for fixed below the smallest size that is remembered."""

HOPE: Final = 0.2
"""What is not fixed, where only one size is remembered and larger ones are to be tried: a model that is always asked
for single inputs, each of which just makes its deadline, would otherwise never be asked for two."""


class Knot:
    """One bucket: means of size and time."""

    __slots__ = ("bucket", "seen", "size", "time_s", "visits")

    def __init__(self, bucket: int, size: int, time_s: float, seen: int) -> None:
        self.bucket = bucket
        self.size = float(size)
        self.time_s = time_s
        self.visits = 1
        self.seen = seen


class LatencyModel:
    """Learns from (size, seconds) pairs; a few microseconds for each."""

    def __init__(self) -> None:
        self.knots: list[Knot] = []
        self.spread = 0.0
        self._by_bucket: dict[int, Knot] = {}
        self._forgotten: dict[int, int] = {}
        self._batches = 0
        self._drift = 1.0
        self._surprises: deque[float] = deque(maxlen=WINDOW)
        self._streak = 0

    @property
    def largest(self) -> float:
        """The largest size that is remembered, 0 if none is."""
        return self.knots[-1].size if self.knots else 0.0

    @property
    def is_sketchy(self) -> bool:
        """Whether the sizes seen are too much alike to tell what is fixed in their time."""
        if not self.knots or 2 * self.knots[0].size <= self.knots[-1].size:
            return not self.knots
        known = [knot.size for knot in self.knots if knot.visits >= ENOUGH_VISITS]
        return not known or known[-1] < ALIKE * known[0]

    def observe(self, size: int, time_s: float) -> None:
        """Learn from one batch."""
        self._batches += 1
        bucket = bucket_of(size)
        knot = self._by_bucket.get(bucket)
        if knot is None:
            self._add(Knot(bucket, size, self._first_impression(size, time_s), self._batches))
        else:
            self._revisit(knot, size, time_s)
        if self._batches % TIDY_BATCHES == 0:
            self._tidy()

    def typical_s(self, size: float) -> float:
        """The mean time of that size; 0 while nothing is known."""
        knots = self.knots
        if not knots:
            return 0.0
        before = knots[0]
        if size <= before.size:
            return before.time_s * (FIXED_GUESS + (1 - FIXED_GUESS) * size / before.size)
        for knot in knots:
            if knot.size >= size:
                span = knot.size - before.size
                share = (size - before.size) / span if span > 0 else 1.0
                return before.time_s + share * (knot.time_s - before.time_s)
            before = knot
        return before.time_s + self._slope() * (size - before.size)

    def expected_s(self, size: float) -> float:
        """The time of that size with its spread."""
        return self.with_spread(self.typical_s(size)) if self.knots else 0.0

    def with_spread(self, time_s: float) -> float:
        """What a batch whose time is `time_s` on average takes, nearly always at most."""
        return time_s + self.spread * max(time_s, SMALL_S)

    def largest_within(self, time_s: float, *, surely: bool) -> float:
        """The largest size that takes at most `time_s`, nearly always or on average; 0 if none is known to."""
        after: Knot | None = None
        for knot in reversed(self.knots):
            need_s = self.with_spread(knot.time_s) if surely else knot.time_s
            if need_s <= time_s:
                return self._beyond(knot, after, (time_s - need_s) / (1 + self.spread if surely else 1.0))
            after = knot
        if after is None or time_s <= 0 or after.time_s <= 0:
            return 0.0
        share = time_s / (self.with_spread(after.time_s) if surely else after.time_s)
        return max(0.0, after.size * (share - FIXED_GUESS) / (1 - FIXED_GUESS))

    def rate(self, size: float) -> float:
        """Inputs per second, batch after batch of that size."""
        return size / (self.typical_s(size) + BATCH_OVERHEAD_S)

    def least(self, size: int, share: float) -> int:
        """The smallest size known to reach that share of the rate of `size`."""
        wanted = share * self.rate(size)
        for knot in self.knots:
            if knot.size >= size:
                break
            if knot.size / (knot.time_s + BATCH_OVERHEAD_S) >= wanted:
                return max(1, int(knot.size))
        return size

    def plan(self, size: int) -> tuple[int, float]:
        """(inputs, seconds) of batches that may have `size`, and more once batches as large have been seen."""
        time_s = self.typical_s(size)
        return (UNTRIED * size if size >= 2 * self.largest else size), time_s

    def _beyond(self, knot: Knot, after: Knot | None, left_s: float) -> float:
        """How far past a knot that fits the size may go, with `left_s` to spare."""
        if after is not None:
            climb_s = after.time_s - knot.time_s
            return knot.size + (after.size - knot.size) * min(1.0, left_s / climb_s if climb_s > 0 else 1.0)
        slope = self._slope()
        most = (2.0 if self.is_sketchy else GROWTH) * knot.size
        return min(most, knot.size + left_s / slope) if slope > 0 else most

    def _slope(self) -> float:
        """Seconds for each input beyond the largest size seen."""
        last = self.knots[-1]
        base = self.knots[0]
        if self.is_sketchy:
            return HOPE * last.time_s / last.size
        for knot in reversed(self.knots):
            if 2 * knot.size <= last.size:
                base = knot
                break
        return max(0.0, (last.time_s - base.time_s) / (last.size - base.size))

    def _first_impression(self, size: int, time_s: float) -> float:
        expected_s = self.typical_s(size)
        if self.is_sketchy or size > self.largest or expected_s <= 0 or abs(self._streak) >= LASTING:
            return time_s
        return min(max(time_s, expected_s / IMPRESSION), expected_s * IMPRESSION)

    def _add(self, knot: Knot) -> None:
        self._by_bucket[knot.bucket] = knot
        place = len(self.knots)
        while place and self.knots[place - 1].bucket > knot.bucket:
            place -= 1
        self.knots.insert(place, knot)

    def _revisit(self, knot: Knot, size: int, time_s: float) -> None:
        expected_s = self.typical_s(size)
        self._surprises.append((time_s - expected_s) / (expected_s if expected_s > SMALL_S else SMALL_S))
        if expected_s > 0:
            time_s = expected_s * self._counted(time_s / expected_s)
        knot.visits += 1
        knot.seen = self._batches
        weight = max(NEWEST, 1 / knot.visits)
        knot.size += weight * (size - knot.size)
        knot.time_s += weight * (time_s - knot.time_s)

    def _counted(self, ratio: float) -> float:
        """How much slower than expected (as a factor) a batch counts."""
        if ratio > SURPRISE:
            self._streak = max(self._streak, 0) + 1
        elif ratio * SURPRISE < 1:
            self._streak = min(self._streak, 0) - 1
        else:
            self._streak = 0
            return ratio
        most = min(1 + STRIDE * abs(self._streak), MOST)
        ratio = min(max(ratio, 1 / most), most)
        if abs(self._streak) >= LASTING:
            self._drift *= 1 + DRIFT * (ratio - 1)
        return ratio

    def _tidy(self) -> None:
        """Renew the spread, let sizes out of use drift along, forget those long out of use, put the others in order."""
        if self._surprises:
            ordered = sorted(self._surprises)
            self.spread = max(0.0, ordered[int((1 - TOLERATED) * (len(ordered) - 1))])
        kept: list[Knot] = []
        for knot in reversed(self.knots):
            if self._batches - knot.seen >= TIDY_BATCHES:
                knot.time_s *= self._drift
            if self._is_stale(knot, kept[-1] if kept else None):
                del self._by_bucket[knot.bucket]
                self._forgotten[knot.bucket] = min(self._forgotten.get(knot.bucket, 0) + 1, 9)
            else:
                kept.append(knot)
        kept.reverse()
        for smaller, larger in pairwise(kept):  # more inputs take no less: who was seen longer ago is wrong
            if larger.time_s < smaller.time_s:
                older, newer = (larger, smaller) if larger.seen < smaller.seen else (smaller, larger)
                if newer.visits >= ENOUGH_VISITS:
                    older.time_s = newer.time_s
        self.knots = kept
        self._drift = 1.0

    def _is_stale(self, knot: Knot, larger: Knot | None) -> bool:
        if knot.visits == TRUSTED_VISITS:
            self._forgotten.pop(knot.bucket, None)
        unseen = self._batches - knot.seen
        if unseen < KEPT_BATCHES * knot.visits << self._forgotten.get(knot.bucket, 0):
            return False
        return unseen >= MOST_KEPT_BATCHES or larger is None or knot.time_s >= larger.time_s


def bucket_of(size: int) -> int:
    """Four buckets to an octave; each of the sizes up to 7 has its own."""
    if size < 8:
        return size
    octave = size.bit_length() - 3
    return 4 * octave + (size >> octave)
