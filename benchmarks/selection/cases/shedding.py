"""More queries than an ensemble can answer with all of its members: who is asked then, and what that costs."""

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

POLICY = "hedge"
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
class Load:
    """A multiple of what the ensemble bears, offered for a while."""

    times: float
    trace: Trace
    labels: Labels
    best: Labels  # what the best member says

    @property
    def in_time(self) -> float:
        """Answered by a model inside the objective, in percent of all queries."""
        return 100.0 * float(self.trace.good(SLO_MS).mean())

    @property
    def accuracy(self) -> float:
        """Of the models' answers, in percent."""
        return self._share([reply["output"] for reply in self._replies() if reply])

    @property
    def accuracy_of_best(self) -> float:
        """What the best member would have had on the same queries."""
        return self._share([int(self.best[n % len(self.labels)]) for n, reply in enumerate(self._replies()) if reply])

    def _share(self, said: list[int]) -> float:
        asked = [(n, reply["default"]) for n, reply in enumerate(self._replies()) if reply]
        right = [
            each == int(self.labels[n % len(self.labels)])
            for each, (n, default) in zip(said, asked, strict=True)
            if not default
        ]
        return 100.0 * float(np.mean(right))

    @property
    def members(self) -> float:
        """Whose outputs were in time, or not needed any more, per query."""
        return float(np.mean([len(BAGS) - len(reply.get("missing", [])) for reply in self._replies() if reply]))

    def _replies(self) -> list[dict[str, Any]]:
        return [json.loads(reply) if reply else {} for reply in self.trace.replies]


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
    best = said[int(np.argmax(alone))]
    found = []
    with fresh_folder() as folder, layer(folder) as server:
        _deploy(server, models)
        _link(server, "slow", ["member-1"])
        _link(server, "all", [f"member-{n}" for n in range(len(BAGS))])
        capacity = saturated(
            server, digit_shot(bench, "slow", "/slow/predict", images[half:], None), WARM_UP_S
        ).per_second
        taught = digit_shot(bench, "taught", "/all/update", images[half:], labels[half:])
        in_turn(server.port, taught, FEEDBACKS, 8)
        shot = digit_shot(bench, "asked", "/all/predict", images[half:], None)
        for times in LOADS:
            open_loop(server.port, shot, [Phase(times * capacity, WARM_UP_S)])
            trace = open_loop(server.port, shot, [Phase(times * capacity, bench.seconds)], keep_replies=True)
            found.append(Load(times, trace, labels[half:], best))
            bench.tell(
                f"{times} x {capacity:,.0f}/s: {found[-1].in_time:.2f} % in time, {found[-1].accuracy:.1f} % right"
            )
    return _section(found, capacity, alone)


def _deploy(server: Layer, models: list[Any]) -> None:
    for number, model in enumerate(models):
        member = Member(model.coef_, model.intercept_, FIRST_S[number], EACH_S[number])
        server.client.deploy_model(f"member-{number}", 1, member, "doubles", example=[0.0] * 64)


def _link(server: Layer, app: str, names: list[str]) -> None:
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
        "right, of these",
        "the best member alone",
        "members per query",
        "p99, ms",
    )
    rows: list[tuple[str, ...]] = [
        (
            f"{each.times:g} ×",
            f"{each.times * capacity:,.0f}",
            f"{each.in_time:.2f} %",
            f"{each.accuracy:.1f} %",
            f"{each.accuracy_of_best:.1f} %",
            f"{each.members:.2f}",
            f"{float(np.nanquantile(each.trace.latency_ms, 0.99)):.1f}",
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
        "than that nobody can ask of all five. Who could no longer change an answer is not in it either.",
        [Sheet("Load shedding", head, rows)],
        [verdict for each in found if each.times > 1 for verdict in _verdicts(each)],
    )


def _verdicts(each: Load) -> list[Verdict]:
    condition = f"{each.times:g} × the ensemble's capacity"
    return [
        at_least(f"{condition}: answered by a model inside {SLO_MS:g} ms", each.in_time, IN_TIME, "%"),
        at_least(
            f"{condition}: right, against the best member alone", each.accuracy - each.accuracy_of_best, 0.0, "points"
        ),
    ]
