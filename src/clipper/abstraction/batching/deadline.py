"""Batches that meet the earliest deadline in them, by a learned model of their latency. The default."""

from clipper.abstraction.batching.controller import BATCH_OVERHEAD_S, cycle_s
from clipper.abstraction.batching.latency import LatencyModel
from clipper.wire.batches import MAX_BATCH

FIRST = 4
"""Inputs in a batch of which nothing is known yet."""

NEAR_BEST = 0.98
"""Of the best goodput: a smaller batch that reaches this is as good, and leaves its queries sooner."""

WORTHWHILE = 0.9
"""Of a batch's rate: what a smaller one must reach so that computing it instead loses little."""

LIKELY = 0.5
"""Chance that a batch is in time whose mean time just fits."""

REPLAN_BATCHES = 16
"""A plan costs about as much as the bookkeeping of twenty batches."""


class Deadline:
    """The largest batch that lets the earliest deadline in it be met, and no larger than pays.

    What pays is the goodput under saturation: inputs per second of batches that follow one another, times the share of
    inputs that are in time then, since who arrives as a batch begins waits for all of it and for the next one. A model
    that gains nothing by batching (kernel SVM) is best served in small batches; one with a high fixed cost (a forest)
    in large ones, even if they leave no time for those that arrive first.
    """

    def __init__(self, objective_s: float) -> None:
        self._cycle_s = cycle_s(objective_s)
        self._latency = LatencyModel()
        self._cap = FIRST
        self._batches = 0

    def limit(self, slack_s: float) -> int:
        """Surely in time, or likely so where being sure would cost more than it saves."""
        latency = self._latency
        cap = self._cap
        if not latency.knots:
            return cap
        sure = latency.largest_within(slack_s, surely=True)
        if sure >= cap:
            return cap
        likely = min(float(cap), latency.largest_within(slack_s, surely=False))
        if likely > sure and LIKELY * latency.rate(likely) > latency.rate(sure):
            return max(1, int(likely))
        return max(1, int(sure))

    def expected_s(self, size: int) -> float:
        """As learned, with its spread."""
        return self._latency.expected_s(size)

    def typical_s(self, size: int) -> float:
        """As learned, on average."""
        return self._latency.typical_s(size)

    def least(self, size: int) -> int:
        """The smallest batch with nine tenths of the rate."""
        return self._latency.least(size, WORTHWHILE)

    def observe(self, size: int, compute_s: float) -> None:
        """Learn, and plan anew every few batches, or at once where the plan may be what keeps batches small."""
        latency = self._latency
        largest = latency.largest
        latency.observe(size, compute_s)
        self._batches += 1
        if latency.largest != largest or self._batches % REPLAN_BATCHES == 0:
            self._plan()

    def retarget(self, objective_s: float) -> None:
        """Plan for another objective."""
        self._cycle_s = cycle_s(objective_s)
        self._plan()

    def _plan(self) -> None:
        """The smallest size whose goodput is near the best."""
        if not self._latency.knots:
            return
        sizes, times_s = self._candidates()
        goodputs = [self._goodput(size, time_s) for size, time_s in zip(sizes, times_s, strict=True)]
        enough = NEAR_BEST * max(goodputs)
        best = 0
        while goodputs[best] < enough:
            best += 1
        cap = sizes[best]
        if self._latency.is_sketchy:
            cap = max(cap, 2 * sizes[-1])  # only the slack bounds a batch until we know better
        self._cap = min(MAX_BATCH, max(1, int(cap)))

    def _candidates(self) -> tuple[list[float], list[float]]:
        """Sizes to choose from, ascending, and their times: those seen, between them, and a little beyond."""
        latency = self._latency
        first = latency.knots[0]
        sizes = [first.size]
        times_s = [first.time_s]
        before = first
        for knot in latency.knots:
            if knot.size > before.size + 1:
                sizes.append((before.size + knot.size) / 2)
                times_s.append((before.time_s + knot.time_s) / 2)
            if knot is not first:
                sizes.append(knot.size)
                times_s.append(knot.time_s)
            before = knot
        further = latency.largest_within(self._cycle_s, surely=False) - before.size
        if further > 0:
            beyond = [before.size + share * further for share in (0.25, 0.5, 1.0)]
            sizes += beyond
            times_s += [latency.typical_s(size) for size in beyond]
        if first.size > 1:
            sizes.insert(0, 1.0)
            times_s.insert(0, latency.typical_s(1))
        return sizes, times_s

    def _goodput(self, size: float, time_s: float) -> float:
        """Inputs per second that are in time while batches of that size and time follow one another."""
        left_s = self._cycle_s - time_s
        if left_s <= 0:
            return 0.0
        share = left_s / time_s if time_s > left_s else 1.0
        return size * share / (time_s + BATCH_OVERHEAD_S)
