"""What happened to each request of a run, and what that says about an objective. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipper.cli.bench.arrivals import Times
from clipper.cli.bench.outcome import Kind


class Window(NamedTuple):
    """Requests due within a stretch of time. `attained` is NaN if there were none."""

    start_s: float
    sent: int
    attained: float


@dataclass(frozen=True)
class Outcome:
    """A run in numbers. Latencies are of all replies, default outputs included, from the moment each was due."""

    sent: int
    answered: int  # replies of any kind
    good: int  # answered by a model inside the objective
    defaults: int
    errors: int
    per_second: float  # replies
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_sends_p99_ms: float  # how far the generator itself was behind its schedule
    seconds: float = 0.0
    default_p50_ms: float = float("nan")  # of the default outputs alone
    generator_cpu: float = float("nan")  # cores

    @property
    def good_share(self) -> float:
        """The share of all queries answered inside the SLO by a model and not by the default output."""
        return self.good / self.sent if self.sent else 0.0

    @property
    def good_per_second(self) -> float:
        return self.good / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Trace:
    """One entry per request, in seconds from the start of the run. `done` is NaN for what was lost."""

    due: Times
    left: Times
    done: Times
    kind: NDArray[np.int8]
    cpu_s: float = 0.0  # of the generator
    replies: tuple[bytes, ...] = ()  # bodies, if they were kept; empty for what was lost

    @property
    def latency_ms(self) -> Times:
        """From the moment a request was due; NaN for what was lost."""
        return (self.done - self.due) * 1000

    def good(self, slo_ms: float) -> NDArray[np.bool_]:
        """Answered by a model inside the objective."""
        inside: NDArray[np.bool_] = (self.kind == Kind.ANSWERED) & (self.latency_ms <= slo_ms)
        return inside

    def between(self, start_s: float, end_s: float) -> "Trace":
        """The requests due from `start_s` until before `end_s`."""
        chosen = (self.due >= start_s) & (self.due < end_s)
        replies = tuple(reply for reply, here in zip(self.replies, chosen, strict=True) if here) if self.replies else ()
        return Trace(self.due[chosen], self.left[chosen], self.done[chosen], self.kind[chosen], self.cpu_s, replies)

    def outcome(self, slo_ms: float, seconds: float) -> Outcome:
        """The numbers of a run that was scheduled to take `seconds`."""
        replied = ~np.isnan(self.done)
        latency_ms = self.latency_ms
        defaults = self.kind == Kind.DEFAULT
        p50, p99, p999, longest = quantiles(latency_ms[replied], (0.5, 0.99, 0.999, 1.0))
        span_s = float(self.done[replied].max() - self.due[0]) if replied.any() else 0.0
        return Outcome(
            sent=len(self.due),
            answered=int(replied.sum()),
            good=int(self.good(slo_ms).sum()),
            defaults=int(defaults.sum()),
            errors=int(((self.kind == Kind.ERROR) | (self.kind == Kind.LOST)).sum()),
            per_second=float(replied.sum()) / max(span_s, 1e-9),
            p50_ms=p50,
            p99_ms=p99,
            p999_ms=p999,
            max_ms=longest,
            late_sends_p99_ms=quantiles((self.left - self.due) * 1000, (0.99,))[0],
            seconds=seconds,
            default_p50_ms=quantiles(latency_ms[defaults], (0.5,))[0],
            generator_cpu=self.cpu_s / seconds if seconds else float("nan"),
        )

    def windows(self, slo_ms: float, width_s: float, seconds: float) -> list[Window]:
        """How much of what was due in each `width_s` was answered by a model inside the objective."""
        edges = np.arange(0.0, seconds + width_s / 2, width_s)
        place = np.digitize(self.due, edges) - 1
        sent = np.bincount(place, minlength=len(edges))[: len(edges) - 1]
        good = np.bincount(place, weights=self.good(slo_ms), minlength=len(edges))[: len(edges) - 1]
        return [
            Window(float(start), int(count), float(met / count) if count else float("nan"))
            for start, count, met in zip(edges[:-1], sent, good, strict=True)
        ]


def quantiles(values: Times, wanted: tuple[float, ...]) -> list[float]:
    """Of no values: NaN. Infinite values are later than all others."""
    if not len(values):
        return [float("nan")] * len(wanted)
    return [float(value) for value in np.quantile(values, wanted, method="higher")]


def ideal_share(due: Times, per_second: float, slo_ms: float) -> float:
    """The largest share of these arrivals that a server of that capacity could answer inside the objective.

    It answers one after the other, each in 1 / `per_second`, and drops at no cost who would be late; with one duration
    and deadlines in order of arrival nobody answers more. Batches make it harder: who misses one waits for its end.
    """
    service_s, free_s, good = 1 / per_second, 0.0, 0
    for arrived in due.tolist():
        done = max(arrived, free_s) + service_s
        if done <= arrived + slo_ms / 1000:
            free_s = done
            good += 1
    return good / len(due) if len(due) else float("nan")


def recovery_s(trace: Trace, slo_ms: float, since_s: float, until_s: float, target: float = 0.99) -> float:
    """How long after `since_s` the objective is met again: windows of 100 ms.

    It is, from the first window on that reaches `target` itself and together with the second that follows it. Infinite
    if there is none.
    """
    width_s, follow_s = 0.1, 1.0
    good = trace.good(slo_ms)
    for start in np.arange(since_s, until_s - follow_s + 1e-9, width_s):
        shares = []
        for length in (width_s, follow_s):
            here = (trace.due >= start) & (trace.due < start + length)
            shares.append(good[here].mean() if here.any() else 0.0)
        if min(shares) >= target:
            return float(start - since_s)
    return float("inf")
