"""The stages of a query's path, and how long each takes.

A stage begins where one of its functions is called and lasts until that returns, less what the stages inside it take.
Each of these functions is timed in a run of its own, so that a stage is slowed by its own clock only; what the clock
itself adds is measured on a function that does nothing, and taken off. What is kept of such a run is its share: the
speed of a machine that others use too changes from run to run, the shares do not.

Compiled functions cannot be replaced by timed ones, so all this is of the source, run as Python in a process of its
own: `python -m benchmarks.path.source benchmarks.path.stages ROUNDS` prints the figures as JSON.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median, quantiles
from typing import Any
from unittest import mock

import msgspec
import uvloop

from benchmarks.path.rig import CONNECTIONS, different_requests, steady_rig
from benchmarks.path.source import run_on_source
from clipper.abstraction import link
from clipper.abstraction.cache import PredictionCache
from clipper.abstraction.model import ServedModel
from clipper.abstraction.queue import DeadlineQueue
from clipper.abstraction.replica import Replica
from clipper.engine.application import ServedApplication
from clipper.engine.deadlines import Deadlines
from clipper.frontend.bodies import BodyDecoder
from clipper.frontend.connection import Connection, Connections
from clipper.frontend.service import QueryService

QUERIES = 100 * CONNECTIONS
CALIBRATIONS = 5
CALIBRATION_CALLS = 5_000


class Stage(StrEnum):
    """In the order in which a query meets them."""

    READ = "reading HTTP"
    DECODE = "decoding the body"
    RECORD = "query record, journal"
    ASK = "selection, asking, deadline"
    QUEUE = "queue and batch"
    WIRE_OUT = "wire out"
    WIRE_IN = "wire in"
    CACHE = "cache"
    COMPLETE = "completion"
    ANSWER = "answer"


@dataclass(frozen=True)
class Span:
    """A function with which a stage begins. `inside` is the span from which it is called."""

    stage: Stage
    owner: type
    method: str
    inside: "Span | None" = None

    @property
    def name(self) -> str:
        """A key of its own."""
        return f"{self.owner.__name__}.{self.method}"

    @property
    def function(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self.owner, self.method)
        return found


_INBOX = Span(Stage.READ, Connections, "open_inbox")
_HANDLE = Span(Stage.RECORD, QueryService, "handle", _INBOX)
_PREDICT = Span(Stage.ASK, ServedApplication, "predict", _HANDLE)
_PULL = Span(Stage.QUEUE, ServedModel, "_pull")
_LINK = Span(Stage.WIRE_IN, link._Connection, "data_received")
_RESULT = Span(Stage.COMPLETE, Replica, "link_result", _LINK)

SPANS = (
    Span(Stage.READ, Connection, "data_received"),
    _INBOX,
    _HANDLE,
    Span(Stage.DECODE, BodyDecoder, "predict", _HANDLE),
    _PREDICT,
    Span(Stage.QUEUE, DeadlineQueue, "push", _PREDICT),
    _PULL,
    Span(Stage.WIRE_OUT, link._Connection, "send", _PULL),
    _LINK,
    _RESULT,
    Span(Stage.CACHE, PredictionCache, "admit", _RESULT),
    Span(Stage.ANSWER, Connection, "answer", _RESULT),
    Span(Stage.ANSWER, Connections, "empty_outbox"),
    Span(Stage.ASK, Deadlines, "_wake"),
)


class Probe:
    """A clock around one function."""

    def __init__(self) -> None:
        self.calls = 0
        self.ns = 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.perf_counter_ns

        def timed(*arguments: Any) -> Any:
            start = clock()
            result = function(*arguments)
            self.ns += clock() - start
            self.calls += 1
            return result

        return timed

    def share(self, clock: "Clock", run_us: float) -> float:
        """Of a run that took `run_us`, without what the clock has added to both."""
        return (self.ns - self.calls * clock.inside_ns) / (run_us * 1000 - self.calls * clock.whole_ns)


@dataclass(frozen=True)
class Clock:
    """What a probe adds to a call: `inside_ns` to what it measures of it, `whole_ns` to what the caller waits."""

    inside_ns: float
    whole_ns: float


@dataclass
class Rounds:
    """One figure for each round: `total` in microseconds per query; by a span's name its share, with what is inside."""

    clocks: list[Clock] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    inclusive: dict[str, list[float]] = field(default_factory=dict)

    def add(self, others: "Rounds") -> None:
        """Those of another process."""
        self.clocks += others.clocks
        self.total += others.total
        for name, shares in others.inclusive.items():
            self.inclusive.setdefault(name, []).extend(shares)

    @property
    def total_us(self) -> float:
        return median(self.total)

    @property
    def clock(self) -> Clock:
        """What it was most of the time."""
        return middle_clock(self.clocks)

    def share(self, stage: Stage) -> float:
        return sum(self._exclusive(span) for span in SPANS if span.stage is stage)

    @property
    def rest(self) -> float:
        """The share no stage has: the turns of the loop, and what feeds the path and answers for the container."""
        return 1.0 - sum(map(self.share, Stage))

    def _exclusive(self, span: Span) -> float:
        within = sum(median(self.inclusive[each.name]) for each in SPANS if each.inside is span)
        return median(self.inclusive[span.name]) - within


def stages_as_python(rounds: int) -> Rounds:
    """In each round the whole path, and each span."""
    return msgspec.json.decode(run_on_source(__name__, str(rounds)), type=Rounds)


async def whole_path_us(queries: int = QUERIES) -> float:
    """Microseconds per query without a clock, compiled or not as this process has imported it."""
    async with steady_rig() as rig:
        return await rig.answer(different_requests(queries))


def spread(figures: Sequence[float]) -> float:
    """Half the distance between the quartiles, as a share of the median."""
    lower, middle, upper = quantiles(figures, n=4)
    return (upper - lower) / 2 / middle


async def measure_stages(rounds: int, queries: int = QUERIES) -> Rounds:
    """What `stages_as_python` returns, in this process: on the source only."""
    measured = Rounds()
    for _ in range(rounds):
        measured.total.append(await whole_path_us(queries))
        for span in SPANS:
            clock = middle_clock([_clock_once() for _ in range(CALIBRATIONS)])
            measured.clocks.append(clock)
            measured.inclusive.setdefault(span.name, []).append(await _share(span, clock, queries))
    return measured


async def _share(span: Span, clock: Clock, queries: int) -> float:
    probe = Probe()
    with mock.patch.object(span.owner, span.method, probe.around(span.function)):
        async with steady_rig() as rig:
            asked = different_requests(queries)
            probe.calls = probe.ns = 0
            us = await rig.answer(asked)
            return probe.share(clock, us * queries)


def middle_clock(clocks: Sequence[Clock]) -> Clock:
    return Clock(median(each.inside_ns for each in clocks), median(each.whole_ns for each in clocks))


def _clock_once() -> Clock:
    def nothing(_self: object, _first: object, _second: object) -> None: ...

    probe = Probe()
    plain_ns, timed_ns = _call_ns(nothing), _call_ns(probe.around(nothing))
    return Clock(probe.ns / CALIBRATION_CALLS - plain_ns, timed_ns - plain_ns)


def _call_ns(function: Callable[..., Any]) -> float:
    start = time.perf_counter_ns()
    for _ in range(CALIBRATION_CALLS):
        function(None, None, None)
    return (time.perf_counter_ns() - start) / CALIBRATION_CALLS


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(measure_stages(int(sys.argv[1])))))
