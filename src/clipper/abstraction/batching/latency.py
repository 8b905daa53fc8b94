"""The latency of a batch as a function of its size, learned from the batches themselves, with its spread.

Nothing is assumed of the function's shape: sizes are put into buckets, four to an octave, each of which remembers its
mean, and between buckets we interpolate. What all sizes have in common is drift (a noisy neighbour, larger inputs): a
batch that takes longer than expected raises the other buckets too, so that sizes out of use are not remembered wrongly.
"""

from collections import deque

from clipper.abstraction.batching.controller import BATCH_OVERHEAD_S

GROWTH = 3.0
"""Beyond the largest size seen, the next may be this many times larger: a guess is checked before it is built on."""

NEWEST = 0.2
"""Weight of the newest batch in its bucket's mean, once that has seen a few."""

DRIFT = 0.18
"""Share of a surprise that is taken for a change of all sizes. Below NEWEST, so that the others never overshoot."""

SURPRISE = 2.0
LONE_SURPRISE = 1.1
"""A batch counts as at most this many times slower or faster than expected, the second if the batch before it was no
such surprise: one hiccup changes little, a lasting change is followed, since each batch then surprises again."""

WINDOW = 64
"""Batches whose surprises make the spread."""

TOLERATED = 1 / 32
"""Share of the surprises that the spread leaves out: hiccups that no batch size would have prevented."""

SMALL_S = 0.001
"""Spreads are relative to the latency, but of one below this to this: a preempted batch is late by so much, not by so
many times."""

KEPT_BATCHES = 64
MOST_KEPT_BATCHES = 4096
"""A bucket that is not visited is forgotten after so many batches, the first for each of its visits if it is what keeps
batches from being larger: it may remember a hiccup, and only a new visit can tell."""

TIDY_BATCHES = 8
"""Between two renewals of the spread and of what is out of use."""

FIXED_GUESS = 0.5
"""Share of a batch's time that is taken for fixed where no other size is remembered to tell."""


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
        self._batches = 0
        self._drift = 1.0
        self._surprises: deque[float] = deque(maxlen=WINDOW)
        self._before = 1.0

    @property
    def largest(self) -> float:
        """The largest size that is remembered, 0 if none is."""
        return self.knots[-1].size if self.knots else 0.0

    @property
    def is_sketchy(self) -> bool:
        """Whether the sizes seen are too much alike to tell what is fixed in their time."""
        return not self.knots or 2 * self.knots[0].size > self.knots[-1].size

    def observe(self, size: int, time_s: float) -> None:
        """Learn from one batch."""
        self._batches += 1
        bucket = bucket_of(size)
        knot = self._by_bucket.get(bucket)
        if knot is None:
            self._add(Knot(bucket, size, time_s, self._batches))
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
        if after is None or time_s <= 0:
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

    def _beyond(self, knot: Knot, after: Knot | None, left_s: float) -> float:
        """How far past a knot that fits the size may go, with `left_s` to spare."""
        if after is not None:
            climb_s = after.time_s - knot.time_s
            return knot.size + (after.size - knot.size) * min(1.0, left_s / climb_s if climb_s > 0 else 1.0)
        slope = self._slope()
        most = GROWTH * knot.size
        return min(most, knot.size + left_s / slope) if slope > 0 else most

    def _slope(self) -> float:
        """Seconds for each input beyond the largest size seen."""
        last = self.knots[-1]
        base = self.knots[0]
        if self.is_sketchy:
            return (1 - FIXED_GUESS) * last.time_s / last.size
        for knot in reversed(self.knots):
            if 2 * knot.size <= last.size:
                base = knot
                break
        return max(0.0, (last.time_s - base.time_s) / (last.size - base.size))

    def _add(self, knot: Knot) -> None:
        self._by_bucket[knot.bucket] = knot
        place = len(self.knots)
        while place and self.knots[place - 1].bucket > knot.bucket:
            place -= 1
        self.knots.insert(place, knot)

    def _revisit(self, knot: Knot, size: int, time_s: float) -> None:
        expected_s = self.typical_s(size)
        self._surprises.append((time_s - expected_s) / (expected_s if expected_s > SMALL_S else SMALL_S))
        if knot.visits >= 3 and expected_s > 0:
            ratio = min(max(time_s / expected_s, 1 / SURPRISE), SURPRISE)
            counted = min(max(ratio, min(self._before, 1 / LONE_SURPRISE)), max(self._before, LONE_SURPRISE))
            self._before = ratio
            time_s = counted * expected_s
            self._drift *= 1 + DRIFT * (counted - 1)
        knot.visits += 1
        knot.seen = self._batches
        weight = max(NEWEST, 1 / knot.visits)
        knot.size += weight * (size - knot.size)
        knot.time_s += weight * (time_s - knot.time_s)

    def _tidy(self) -> None:
        """Renew the spread, let sizes out of use drift along, and forget those that have been so for long."""
        if self._surprises:
            ordered = sorted(self._surprises)
            self.spread = max(0.0, ordered[int((1 - TOLERATED) * (len(ordered) - 1))])
        kept: list[Knot] = []
        for knot in reversed(self.knots):
            if self._batches - knot.seen >= TIDY_BATCHES:
                knot.time_s *= self._drift
            if self._is_stale(knot, kept[-1] if kept else None):
                del self._by_bucket[knot.bucket]
            else:
                kept.append(knot)
        kept.reverse()
        self.knots = kept
        self._drift = 1.0

    def _is_stale(self, knot: Knot, larger: Knot | None) -> bool:
        unseen = self._batches - knot.seen
        if unseen < KEPT_BATCHES * knot.visits:
            return False
        return unseen >= MOST_KEPT_BATCHES or larger is None or knot.time_s >= larger.time_s


def bucket_of(size: int) -> int:
    """Four buckets to an octave; each of the sizes up to 7 has its own."""
    if size < 8:
        return size
    octave = size.bit_length() - 3
    return 4 * octave + (size >> octave)
