"""The open-loop load: requests leave on a schedule of their own, whether or not earlier ones were answered.

A closed loop slows down with the system it measures, and so hides its stalls. Here every latency counts from the
moment at which the request was due, so a stall of the system (or of this generator) is paid for by every query it
delayed. Arrivals are a Poisson process. Written tight, since it shares two cores with the system: ready-made bytes, one
write per request, replies only counted and searched for default outputs, never parsed.

`python -m benchmarks.openloop '{"port": …, "path": …, "rate": …, "seconds": …, "slo_ms": …}'` prints one JSON line.
"""

import asyncio
import gc
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
import uvloop

from benchmarks.cases import RequestFormat

CONNECTIONS = 64
TICK_S = 0.001  # between looks at the schedule when no reply wakes us earlier
LAST_REPLIES_S = 2.0  # how long after the last request its reply may still come; later ones count as lost
POLL_S = 0.05
TAILS = 4096

REPLY = b"HTTP/1.1 "
GOOD = b"HTTP/1.1 200"
DEFAULTS = (b'"default":true', b'"default": true')
OVERLAP = max(map(len, (GOOD, *DEFAULTS))) - 1  # a marker may be cut in two by the network


@dataclass(frozen=True)
class Plan:
    """What to send where. `rate` is in requests per second."""

    port: int
    path: str
    rate: float
    seconds: float
    slo_ms: float
    prefix: str = RequestFormat.prefix
    suffix: str = RequestFormat.suffix
    connections: int = CONNECTIONS


@dataclass(frozen=True)
class Outcome:
    """What came of it. `inside` counts replies within the SLO; a default output may be among them."""

    sent: int
    answered: int
    inside: int
    defaults: int
    errors: int
    per_second: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_sends_p99_ms: float  # how far the generator itself was behind its schedule

    @property
    def good_share(self) -> float:
        """The share of all queries answered inside the SLO by a model and not by the default output."""
        return max(0, self.inside - self.defaults - self.errors) / self.sent if self.sent else 0.0


def requests(plan: Plan, count: int) -> list[bytes]:
    """`count` requests, no two with the same input."""
    rng = random.Random()
    first = f"{plan.prefix}0.{rng.randrange(10**6):06d}"
    tails = ["".join(f", {rng.random():.16f}" for _ in range(7)) + plan.suffix for _ in range(min(TAILS, count))]
    length = len(first) + 9 + len(tails[0])
    head = (
        f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{first}"
    )
    return [f"{head}{n:09d}{tails[n % len(tails)]}".encode() for n in range(count)]


class Connection(asyncio.Protocol):
    """One keep-alive connection. Replies come in the order of the requests, so counting them is enough."""

    transport: asyncio.Transport

    def __init__(self, load: "OpenLoop") -> None:
        self.load = load
        self.sent: list[int] = []  # indices into the schedule
        self.times: list[float] = []  # of every arrival of data with replies in it …
        self.counts: list[int] = []  # … and how many
        self.defaults = 0
        self.errors = 0
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        rest = self.rest
        known = rest.count(REPLY), rest.count(GOOD), rest.count(DEFAULTS[0]) + rest.count(DEFAULTS[1])
        data = rest + data
        count = data.count(REPLY) - known[0]
        if count:
            self.times.append(time.perf_counter())
            self.counts.append(count)
        self.errors += count - (data.count(GOOD) - known[1])
        self.defaults += data.count(DEFAULTS[0]) + data.count(DEFAULTS[1]) - known[2]
        self.rest = data[-OVERLAP:]
        self.load.send_due()

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.lost += 1


class OpenLoop:
    """The schedule, and the connections that take turns in carrying it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lost = 0
        count = max(1, int(plan.rate * plan.seconds))
        gaps = np.random.default_rng().exponential(1 / plan.rate, count)
        self.due: list[float] = np.cumsum(gaps).tolist()
        self.requests = requests(plan, count)
        self.left_at: list[float] = []
        self.next = 0
        self.connections: list[Connection] = []

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.plan.port)
            self.connections.append(connection)
        self.start = time.perf_counter()
        self.due = [self.start + due for due in self.due]
        self.tick(loop)
        await asyncio.sleep(max(0.0, self.due[-1] - self.start))
        for _ in range(int(LAST_REPLIES_S / POLL_S)):
            if self.answered == len(self.due):
                break
            await asyncio.sleep(POLL_S)
        for connection in self.connections:
            connection.transport.close()
        return self.outcome()

    @property
    def answered(self) -> int:
        return sum(sum(connection.counts) for connection in self.connections)

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.send_due()
        if self.next < len(self.due):
            loop.call_later(TICK_S, self.tick, loop)

    def send_due(self) -> None:
        """Send whatever is due by now, each request on the next connection."""
        index, due = self.next, self.due
        if index >= len(due):
            return
        now = time.perf_counter()
        while index < len(due) and due[index] <= now:
            connection = self.connections[index % len(self.connections)]
            connection.sent.append(index)
            connection.transport.write(self.requests[index])
            self.left_at.append(now)
            index += 1
        self.next = index

    def outcome(self) -> Outcome:
        due = np.asarray(self.due[: self.next])
        latencies, last = [], self.start
        for connection in self.connections:
            arrived = np.repeat(connection.times, connection.counts)
            sent = np.asarray(connection.sent, dtype=np.intp)[: len(arrived)]
            latencies.append(arrived[: len(sent)] - due[sent])
            last = max(last, *connection.times[-1:], last)
        all_ms = np.concatenate(latencies) * 1000
        quantiles = np.quantile(all_ms, [0.5, 0.99, 0.999, 1.0]) if len(all_ms) else np.full(4, np.inf)
        return Outcome(
            sent=self.next,
            answered=len(all_ms),
            inside=int((all_ms <= self.plan.slo_ms).sum()),
            defaults=sum(connection.defaults for connection in self.connections),
            errors=sum(connection.errors for connection in self.connections) + self.lost,
            per_second=len(all_ms) / max(last - self.start, 1e-9),
            p50_ms=float(quantiles[0]),
            p99_ms=float(quantiles[1]),
            p999_ms=float(quantiles[2]),
            max_ms=float(quantiles[3]),
            late_sends_p99_ms=float(np.quantile(np.asarray(self.left_at) - due, 0.99)) * 1000,
        )


def main() -> None:
    gc.disable()  # a collection would delay requests that are due
    outcome = uvloop.run(OpenLoop(Plan(**json.loads(sys.argv[1]))).run())
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
