"""The approximate cache: what it saves on repeats that are not quite the same, how often it is wrong, what it costs."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.digits import jittered
from benchmarks.layer.server import APPLICATION, Layer, fresh_folder, layer
from benchmarks.openloop.run import in_turn
from benchmarks.openloop.trace import Trace
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least, at_most
from clipper.cli.bench.outcome import Kind

MAX_DISAGREEMENT = 0.02
IMAGES = 500  # that are seen again and again
REQUESTS, QUICK_REQUESTS = 12_000, 1500
PART = 1500  # requests between two readings
CONNECTIONS = 8
SLO_MS = 1000.0  # what is counted is calls, not time
NEW = 8000  # requests of one turn of a stream without repeats
NEW_CONNECTIONS = 64
LEARNING_TURNS, TURNS, QUICK_TURNS = 2, 8, 2  # turns to learn that there is nothing to gain; turns of a round
SAVED, COST = 0.6, 0.03


@dataclass(frozen=True)
class Part:
    """A stretch of the stream. Shares are of its requests."""

    disagreed: float
    saved: float
    approximate: float
    defaults: int


@dataclass(frozen=True)
class Cost:
    """A stream without repeats, in answers per second, turn by turn: without the approximate cache, and with it."""

    off: list[float]
    on: list[float]

    @property
    def share(self) -> float:
        return 1 - median(on / off for off, on in zip(self.off, self.on, strict=True))


def measure(bench: LayerBench) -> Section:
    """The kernel SVM on jittered repeats, then a cheap model on a stream without any."""
    parts = repeats(bench)
    cost = _cost(bench)
    half = parts[len(parts) // 2 :]  # the first half is for learning
    saved = float(np.mean([each.saved for each in half]))
    disagreed = float(np.mean([each.disagreed for each in parts]))
    rows: list[tuple[str, ...]] = [
        (
            f"{(number + 1) * PART:,}",
            f"{each.saved:.1%}",
            f"{each.approximate:.1%}",
            f"{each.disagreed:.2%}",
            str(each.defaults),
        )
        for number, each in enumerate(parts)
    ]
    rates: list[tuple[str, ...]] = [("off", f"{median(cost.off):,.0f}"), ("on", f"{median(cost.on):,.0f}")]
    return Section(
        "nearby",
        "The approximate cache",
        f"{IMAGES} real images ({bench.digits.name}), asked again and again with a little noise on each pixel; no two "
        f"inputs are the same. The application allows {MAX_DISAGREEMENT:.0%} of its answers to differ from the "
        "model's; each answer is compared with what the model says of that very input. The stream without repeats is "
        "noise.",
        [
            Sheet(
                "Kernel SVM, jittered repeats",
                ("requests so far", "model calls saved", "approximate answers", "not what the model says", "defaults"),
                rows,
            ),
            Sheet("Logistic regression, no repeats", ("approximate cache", "answers/s"), rates),
        ],
        [
            at_most(
                "jittered repeats: answers that differ from the model's", 100 * disagreed, 100 * MAX_DISAGREEMENT, "%"
            ),
            at_least("jittered repeats: model calls saved, second half", 100 * saved, 100 * SAVED, "%"),
            at_most("a stream without repeats: throughput it costs", 100 * cost.share, 100 * COST, "%"),
        ],
    )


def repeats(bench: LayerBench) -> list[Part]:
    rng = np.random.default_rng(5)
    images = bench.digits.test[:IMAGES]
    estimator = bench.estimator(models.KERNEL)
    count = QUICK_REQUESTS if bench.quick else REQUESTS
    parts = []
    with fresh_folder() as folder, layer(folder, SLO_MS) as server:
        server.deploy(estimator)
        server.client.set_application(APPLICATION, max_disagreement=MAX_DISAGREEMENT)
        for number in range(count // PART):
            asked = jittered(images[rng.integers(0, len(images), PART)], rng)
            shot = bench.sequence(f"jittered-{number}", asked)
            before = server.read()
            trace = in_turn(server.port, shot, PART, CONNECTIONS)
            calls = server.use(before).predictions
            parts.append(_part(trace, estimator.predict(asked), calls))
            bench.tell(f"{(number + 1) * PART:,} requests: {parts[-1]}")
    return parts


def _part(trace: Trace, said: NDArray[Any], calls: int) -> Part:
    answers = [
        json.loads(reply) if kind == Kind.ANSWERED else None
        for reply, kind in zip(trace.replies, trace.kind, strict=True)
    ]
    known = [(answer, label) for answer, label in zip(answers, said.tolist(), strict=True) if answer is not None]
    wrong = sum(float(answer["output"]) != float(label) for answer, label in known)
    near = sum(answer.get("cache") == "approximate" for answer, _ in known)
    size = len(trace.due)
    return Part(wrong / max(1, len(known)), 1 - calls / size, near / size, size - len(known))


def _cost(bench: LayerBench) -> Cost:
    """Two servers in turns, with rows nobody has seen: the machine's own speed changes by more than is sought."""
    rng = np.random.default_rng(6)
    cost = Cost([], [])
    with ExitStack() as running:
        off, on = (running.enter_context(layer(running.enter_context(fresh_folder()), SLO_MS)) for _ in range(2))
        for server in (off, on):
            server.deploy(bench.estimator(models.LOGISTIC))
        on.client.set_application(APPLICATION, max_disagreement=MAX_DISAGREEMENT)
        for _ in range(LEARNING_TURNS):
            _rate(bench, off, rng)
            _rate(bench, on, rng)
        for number in range(QUICK_TURNS if bench.quick else TURNS * bench.rounds):
            turn = [(off, cost.off), (on, cost.on)]
            for server, rates in turn if number % 2 else reversed(turn):
                rates.append(_rate(bench, server, rng))
            bench.tell(f"no repeats, off and on: {cost.off[-1]:,.0f}/s, {cost.on[-1]:,.0f}/s")
    return cost


def _rate(bench: LayerBench, server: Layer, rng: np.random.Generator) -> float:
    shot = bench.sequence("new", rng.random((NEW, bench.digits.test.shape[1])))
    trace = in_turn(server.port, shot, NEW, NEW_CONNECTIONS)
    bench.shots.pop("new")
    return float(NEW / np.nanmax(trace.done))
