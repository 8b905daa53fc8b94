"""Batches that meet the earliest deadline in them, by a learned model of their latency. The default."""

from typing import Final

from clipper.abstraction.batching.controller import BATCH_OVERHEAD_S, cycle_s
from clipper.abstraction.batching.latency import LatencyModel
from clipper.wire.batches import MAX_BATCH

FIRST: Final = 4
"""Inputs in a batch of which nothing is known yet."""

NEAR_BEST: Final = 0.95
"""Of the best rate: a smaller batch that reaches this is as good, and leaves its queries sooner."""

LONGEST: Final = 0.75
"""Share of the time for two batches in a row that one may take. More than half serves more under overload, since then
there are enough queries that arrive late enough; the rest is what those have to arrive in."""

WORTHWHILE: Final = 0.9
"""Of a batch's rate: what a smaller one must reach so that computing it instead loses little."""

LIKELY: Final = 0.75
"""Share of a batch that is in time where its mean time just fits: only those who are first have no time to spare."""

AMPLE: Final = 1.25
"""Times what the largest batch was expected to take when it was planned: with that slack it surely fits."""

TRIVIAL: Final = 0.01
"""Of the objective: batches that take less teach nothing that matters, so that one in four is enough."""

REPLAN_BATCHES: Final = 16
"""A plan costs about as much as the bookkeeping of twenty batches."""


class Deadline:
    """The largest batch that lets the earliest deadline in it be met, and no larger than pays.

    What pays is the rate: inputs per second of batches that follow one another. A model that gains nothing by batching
    (kernel SVM) is as well served in small batches; one with a high fixed cost (a forest) in the largest that leave
    any query the time to wait for the one before.
    """

    def __init__(self, objective_s: float) -> None:
        self._cycle_s = cycle_s(objective_s)
        self._trivial_s = TRIVIAL * objective_s
        self._latency = LatencyModel()
        self._cap = FIRST
        self._ample_s = 0.0
        self._batches = 0

    def limit(self, slack_s: float) -> int:
        """Surely in time, or likely so where being sure would cost more than it saves."""
        cap = self._cap
        if slack_s >= self._ample_s:
            return cap
        latency = self._latency
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

    def plan(self) -> tuple[int, float]:
        """By what pays."""
        return self._latency.plan(self._cap)

    def observe(self, size: int, compute_s: float) -> None:
        """Learn, and plan anew every few batches, or at once where the plan may be what keeps batches small."""
        self._batches += 1
        if compute_s < self._trivial_s and size < self._cap and self._batches % 4:
            return
        latency = self._latency
        largest = latency.largest
        latency.observe(size, compute_s)
        if latency.largest != largest or self._batches % REPLAN_BATCHES == 0:
            self._plan()

    def retarget(self, objective_s: float) -> None:
        """Plan for another objective."""
        self._cycle_s = cycle_s(objective_s)
        self._trivial_s = TRIVIAL * objective_s
        self._plan()

    def _plan(self) -> None:
        """The smallest size whose rate is near the best."""
        latency = self._latency
        if not latency.knots:
            return
        single_s = latency.typical_s(1)
        longest_s = max(LONGEST * self._cycle_s, (single_s + self._cycle_s) / 2)
        if single_s >= self._cycle_s:
            self._settle(1.0)
            return
        sizes, times_s = self._candidates(longest_s)
        rates = [size / (time_s + BATCH_OVERHEAD_S) for size, time_s in zip(sizes, times_s, strict=True)]
        enough = NEAR_BEST * max(rates)
        best = 0
        while rates[best] < enough:
            best += 1
        cap = sizes[best]
        if latency.is_sketchy:
            cap = max(cap, 2 * latency.largest)  # only the slack bounds a batch until we know better
        self._settle(cap)

    def _settle(self, cap: float) -> None:
        self._cap = min(MAX_BATCH, max(1, int(cap)))
        self._ample_s = AMPLE * self._latency.expected_s(self._cap)

    def _candidates(self, longest_s: float) -> tuple[list[float], list[float]]:
        """Sizes that take no longer, ascending, and their times: those seen, between them, and a little beyond."""
        latency = self._latency
        sizes = [1.0]
        times_s = [latency.typical_s(1)]
        for knot in latency.knots:
            if knot.time_s > longest_s:
                break
            if knot.size > sizes[-1] + 1:
                sizes.append((sizes[-1] + knot.size) / 2)
                times_s.append((times_s[-1] + knot.time_s) / 2)
            if knot.size > sizes[-1]:
                sizes.append(knot.size)
                times_s.append(knot.time_s)
        further = latency.largest_within(longest_s, surely=False) - sizes[-1]
        if further > 0:
            beyond = [sizes[-1] + share * further for share in (0.25, 0.5, 1.0)]
            times_s += [latency.typical_s(size) for size in beyond]
            sizes += beyond
        return sizes, times_s
