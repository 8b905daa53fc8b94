"""More queries than an ensemble can answer with all of its members: who is asked then, and what that costs.

It is compared with its best member alone: with what that one answers under the same load, and with how often it is
right when it has all the time that it wants, which is more than anybody can have who relies on that member.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from benchmarks.bench import Bench
from benchmarks.layer.load import saturated
from benchmarks.layer.server import DEFAULT_OUTPUT, SLO_MS, Layer, fresh_folder, layer
from benchmarks.openloop.run import in_turn, open_loop
from benchmarks.openloop.schedule import Phase
from benchmarks.openloop.trace import Trace
from benchmarks.peers.target import post, wait_ready
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least
from benchmarks.selection.cases.fig9 import digit_shot
from benchmarks.selection.digit_models import fitted
from benchmarks.selection.streams import Labels
from benchmarks.targets import Verdict

POLICY = "jury"
BAGS = (120, 90, 90, 90, 90)  # images that each member has learned from
FIRST_S, EACH_S = (0.002, 0.004, 0.004, 0.004, 0.004), (0.0001, 0.001, 0.001, 0.001, 0.001)  # for a batch of so many
FEEDBACKS = 400
LOADS = (0.5, 2, 5)
WARM_UP_S = 2.0
IN_TIME = 99.0  # percent


class Member:
    """A linear model that computes as long as it is told, without using a processor."""

    def __init__(self, weights: Any, bias: Any, first_s: float, each_s: float) -> None:
        self.weights, self.bias, self.first_s, self.each_s = weights, bias, first_s, each_s

    def predict_batch(self, inputs: Any) -> list[int]:
        import time

        time.sleep(self.first_s + self.each_s * len(inputs))
        return [int(best) for best in (inputs @ self.weights.T + self.bias).argmax(axis=1)]


@dataclass(frozen=True)
class Answers:
    """What an application has answered to an open loop."""

    trace: Trace
    labels: Labels

    @property
    def in_time(self) -> float:
        """Answered by a model inside the objective, in percent of all queries."""
        return 100.0 * float(self.trace.good(SLO_MS).mean())

    @property
    def right(self) -> float:
        """Of all queries, in percent: a default output is wrong, and so is no answer."""
        right = [
            bool(reply) and not reply["default"] and reply["output"] == int(self.labels[n % len(self.labels)])
            for n, reply in enumerate(self._replies())
        ]
        return 100.0 * float(np.mean(right))

    @property
    def members(self) -> float:
        """Whose outputs were in time, or not needed any more, per query."""
        return float(np.mean([len(BAGS) - len(reply.get("missing", [])) for reply in self._replies() if reply]))

    def _replies(self) -> list[dict[str, Any]]:
        return [json.loads(reply) if reply else {} for reply in self.trace.replies]


@dataclass(frozen=True)
class Load:
    """A multiple of what the ensemble bears, offered for a while to it, and to its best member alone."""

    times: float
    ensemble: Answers
    best: Answers


def measure(bench: Bench) -> Section:
    """The capacity is a slow member's own, since all are asked at once; then the loads."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = images[order], labels[order].astype(np.int64)
    half = len(labels) // 2
    rng = np.random.default_rng(1)
    bags = [rng.choice(half, size, replace=False) for size in BAGS]
    models = [fitted(LogisticRegression(max_iter=200), images[bag], labels[bag]) for bag in bags]
    said = [model.predict(images[half:]) for model in models]
    alone = [100.0 * float((each == labels[half:]).mean()) for each in said]
    best = int(np.argmax(alone))
    found = []
    with fresh_folder() as folder, layer(folder) as server:
        deploy_members(server, models)
        link(server, "slow", ["member-1"])
        link(server, "best", [f"member-{best}"])
        link(server, "all", [f"member-{n}" for n in range(len(BAGS))])
        capacity = saturated(
            server, digit_shot(bench, "slow", "/slow/predict", images[half:], None), WARM_UP_S
        ).per_second
        taught = digit_shot(bench, "taught", "/all/update", images[half:], labels[half:])
        in_turn(server.port, taught, FEEDBACKS, 8)
        shots = [digit_shot(bench, app, f"/{app}/predict", images[half:], None) for app in ("all", "best")]
        for times in LOADS:
            answers = []
            for shot in shots:
                open_loop(server.port, shot, [Phase(times * capacity, WARM_UP_S)])
                phase = Phase(times * capacity, bench.seconds)
                answers.append(Answers(open_loop(server.port, shot, [phase], keep_replies=True), labels[half:]))
            load = Load(times, ensemble=answers[0], best=answers[1])
            found.append(load)
            bench.tell(
                f"{times} x {capacity:,.0f}/s: {load.ensemble.in_time:.2f} % in time, {load.ensemble.right:.1f} % "
                f"right; the best alone {load.best.in_time:.1f} %, {load.best.right:.1f} %"
            )
    return _section(found, capacity, alone)


def deploy_members(server: Layer, models: list[Any]) -> None:
    for number, model in enumerate(models):
        member = Member(model.coef_, model.intercept_, FIRST_S[number], EACH_S[number])
        server.client.deploy_model(f"member-{number}", 1, member, "doubles", example=[0.0] * 64)


def link(server: Layer, app: str, names: list[str]) -> None:
    client = server.client
    client.register_application(app, "doubles", DEFAULT_OUTPUT, round(SLO_MS * 1000), policy=POLICY)
    client.set_linked_models(app, names)
    body = b'{"input": [%b]}' % b", ".join([b"1"] * 64)
    wait_ready(
        lambda: b'"default":false' in post(server.port, f"/{app}/predict", body), server.server.alive, server.folder
    )


def _section(found: list[Load], capacity: float, alone: list[float]) -> Section:
    head = (
        "load",
        "queries/s",
        "answered by a model in time",
        "right, of all",
        "members per query",
        "p99, ms",
        "the best member alone: in time",
        "right, of all",
    )
    rows: list[tuple[str, ...]] = [
        (
            f"{each.times:g} ×",
            f"{each.times * capacity:,.0f}",
            f"{each.ensemble.in_time:.2f} %",
            f"{each.ensemble.right:.1f} %",
            f"{each.ensemble.members:.2f}",
            f"{float(np.nanquantile(each.ensemble.trace.latency_ms, 0.99)):.1f}",
            f"{each.best.in_time:.1f} %",
            f"{each.best.right:.1f} %",
        )
        for each in found
    ]
    return Section(
        "shedding",
        "Load shedding around an ensemble",
        f"Five linear models of scikit-learn's digits, right in {', '.join([f'{share:.1f}' for share in alone])} % of "
        "the images asked about. The first takes 2 ms for a batch and 0.1 ms for each input, the others 4 ms and 1 ms, "
        f"without using a processor. Policy `{POLICY}`, after {FEEDBACKS} feedbacks; objective {SLO_MS:g} ms; Poisson "
        "arrivals, every input new, at multiples of what one of the slow models answers alone in a closed loop: more "
        "than that nobody can ask of all five. Who could no longer change an answer is not in it either. Right are "
        "answers of all queries: default outputs are wrong. The best member alone is an application with that one "
        "model, under the same load; idle is what it says of every image, however long that takes.",
        [Sheet("Load shedding", head, rows)],
        [verdict for each in found if each.times > 1 for verdict in _verdicts(each, max(alone))],
    )


def _verdicts(each: Load, idle: float) -> list[Verdict]:
    condition = f"{each.times:g} × the ensemble's capacity"
    right = each.ensemble.right
    return [
        at_least(f"{condition}: answered by a model inside {SLO_MS:g} ms", each.ensemble.in_time, IN_TIME, "%"),
        at_least(f"{condition}: right, against the best member alone", right - each.best.right, 0.0, "points"),
        at_least(f"{condition}: right, against the best member idle", right - idle, 0.0, "points"),
    ]
