"""Everything dies at random under load: what becomes of the queries, and of the feedback that was acknowledged."""

import contextlib
import http.client
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import msgspec
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from benchmarks.processes import command_line, descendants
from benchmarks.selection.digit_models import fitted
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.finding import Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting

APP, MODELS, SLO_MS = "digits", ("m0", "m1", "m2"), 100.0
ROLES = {
    "clipper.server.frontend": "frontend",
    "clipper.server.controller": "controller",
    "clipper.container": "container",
}
FRONTENDS = 2
PIXELS = 64
IN_TIME_MS = 1000.0  # for a query that may have to be sent again, to a frontend that has to start
ASKERS, TELLERS = 4, 4
PAUSE_S = 0.01  # between the queries of one asker
SECONDS, QUICK_SECONDS = 60.0, 12.0
BETWEEN_S = (0.5, 2.0)  # kills
PATIENCE_S = 20.0  # for one query or feedback, with all that it takes to send it again


@dataclass
class Told:
    """What the clients have seen."""

    latencies_ms: list[float] = field(default_factory=list)
    defaults: int = 0
    unanswered: int = 0
    again: int = 0  # sent again since the connection broke
    acknowledged: list[bytes] = field(default_factory=list)  # feedbacks, as they were sent
    unacknowledged: int = 0


@dataclass
class Client:
    """One connection, and another one whenever it breaks."""

    port: int
    told: Told
    connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes) -> bytes | None:
        """The body of a 200, asked for until `PATIENCE_S` is over; None if there was none."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
                self.connection.request("POST", path, body)
                with self.connection.getresponse() as reply:
                    content = reply.read()
                if reply.status == http.client.OK:
                    return content
            except (OSError, http.client.HTTPException):
                self._close()
            self.told.again += 1
            time.sleep(0.005)
        return None

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def run(setting: Setting) -> Finding:
    """Load, kills, and the count afterwards."""
    seconds = setting.choose(SECONDS, QUICK_SECONDS)
    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    models = {}
    for name in MODELS:
        bag = rng.choice(len(labels), 300)
        models[name] = fitted(LogisticRegression(max_iter=100), images[bag], labels[bag])
    bodies = [msgspec.json.encode(image) for image in images.tolist()]
    with cluster({"CLIPPER_FRONTENDS": str(FRONTENDS)}) as running:
        for name, model in models.items():
            running.client.deploy_model(name, 1, model)
        running.application(APP, MODELS, "doubles", slo_ms=SLO_MS, policy="hedge")
        running.wait_for(APP, images[0].tolist())
        told, killed = _chaos(running, bodies, [int(label) for label in labels], seconds, setting)
        lost = _lost(running, told)
    setting.tell(
        f"{sum(killed.values())} killed, {len(told.latencies_ms):,} answers, {len(told.acknowledged):,} feedbacks"
    )
    return _finding(told, killed, lost)


def _lost(running: Cluster, told: Told) -> float:
    """What the server learns when all acknowledged feedback is sent again: what it still knows counts once."""
    running.client.wait_until_ready()
    running.wait_for(APP, [0.0] * PIXELS)
    before, client = _counted(running), Client(running.port, Told())
    for body in told.acknowledged:
        client.post(f"/{APP}/update", body)
    again = _counted(running) - before
    fresh = told.acknowledged[0].replace(b'_key": "', b'_key": "fresh-')
    client.post(f"/{APP}/update", fresh)
    if _counted(running) - before - again != 1:
        raise RuntimeError("feedback that is new is not counted: what is lost cannot be told")
    return again


def _counted(running: Cluster) -> float:
    return max(float(each["feedback"]) for each in running.client.get_weights(APP)["models"])


def _chaos(
    running: Cluster, bodies: list[bytes], labels: list[int], seconds: float, setting: Setting
) -> tuple[Told, Counter[str]]:
    stop, parts, killed = threading.Event(), [Told() for _ in range(ASKERS + TELLERS)], Counter[str]()
    work = [_ask] * ASKERS + [_tell] * TELLERS
    threads = [
        threading.Thread(target=each, args=(number, Client(running.port, part), bodies, labels, stop))
        for number, (each, part) in enumerate(zip(work, parts, strict=True))
    ]
    for thread in threads:
        thread.start()
    rng, end = Random(0), time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(rng.uniform(*BETWEEN_S))
        killed.update(_kill(running, rng))
    stop.set()
    for thread in threads:
        thread.join()
    whole = Told()
    for part in parts:
        whole.latencies_ms += part.latencies_ms
        whole.acknowledged += part.acknowledged
        for name in ("defaults", "unanswered", "again", "unacknowledged"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
    setting.tell(f"killed {dict(killed)}")
    return whole, killed


def _kill(running: Cluster, rng: Random) -> list[str]:
    """One process, drawn at random; what it was."""
    found = []
    for process in descendants(running.server.pid):
        words = command_line(process)
        found += [(process, role) for module, role in ROLES.items() if module in words]
    if not found:
        return []
    process, role = rng.choice(found)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    return [role]


def _ask(number: int, client: Client, bodies: list[bytes], _labels: list[int], stop: threading.Event) -> None:
    rng = Random(number)
    while not stop.wait(PAUSE_S):
        began = time.monotonic()
        reply = client.post(f"/{APP}/predict", b'{"input": %b}' % rng.choice(bodies))
        if reply is None:
            client.told.unanswered += 1
            continue
        client.told.latencies_ms.append((time.monotonic() - began) * 1000)
        client.told.defaults += b'"default":true' in reply


def _tell(number: int, client: Client, bodies: list[bytes], labels: list[int], stop: threading.Event) -> None:
    count = 0
    while not stop.wait(PAUSE_S):
        count += 1
        place = (number * 1000 + count) % len(bodies)
        key = f"{number}-{count}".encode()
        body = b'{"input": %b, "label": %d, "idempotency_key": "%b"}' % (bodies[place], labels[place], key)
        if client.post(f"/{APP}/update", body) is None:
            client.told.unacknowledged += 1
        else:
            client.told.acknowledged.append(body)


def _finding(told: Told, killed: Counter[str], lost: float) -> Finding:
    answers = len(told.latencies_ms)
    in_time = statistics.share(sum(each <= IN_TIME_MS for each in told.latencies_ms), answers)
    claims = [
        at_most("queries that were never answered", Measured(told.unanswered), 0),
        at_most("acknowledged feedback that was lost", Measured(lost), 0),
        at_most("feedback that was never acknowledged", Measured(told.unacknowledged), 0),
        at_least(f"answered within {IN_TIME_MS:g} ms, sending again included", in_time, 0.95),
        at_least("killed processes", Measured(sum(killed.values())), 5),
    ]
    quantiles = [
        f"{name} {np.quantile(told.latencies_ms, q):.1f}" for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    ]
    rows = [
        ("killed", ", ".join(f"{count} × {role}" for role, count in sorted(killed.items()))),
        ("queries answered", f"{answers:,}"),
        ("of these with the default output", f"{told.defaults:,}"),
        ("sent again, since a process died", f"{told.again:,}"),
        ("latency, ms", ", ".join(quantiles)),
        ("feedbacks acknowledged", f"{len(told.acknowledged):,}"),
    ]
    return Finding("chaos", claims, [sheet("Under fire", ("", ""), rows)])
