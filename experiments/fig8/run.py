"""The paper's Fig. 8 through a server: every query asked over HTTP, and its feedback told before the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Sheet
from benchmarks.section import Line, Plot
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.conversation import Script, Turn, converse
from experiments.lib.finding import Claim, Finding, at_most, sheet
from experiments.lib.networks import Answers, Recorded, drawn, networks
from experiments.lib.setting import Setting

QUERIES, BREAKS, WORKS_AGAIN = 20_000, 5_000, 10_000
SEEDS, QUICK_SEEDS, DRAWN_SHARE = 20, 2, 4  # the drawn stream, for the paper's own numbers, has a fourth of the trials
ACCURACIES = (0.7502, 0.6427, 0.8184, 0.5368, 0.8957)  # of the paper's networks
POLICIES = {
    "exp3": {"eta": 0.05},
    "exp4": {"eta": 0.2},
    "tracking": {},
    "jury": {},
}  # the paper's two with its settings
PAPERS, OURS = ("exp3", "exp4"), ("tracking", "jury")
PAPER_ERRORS = {"exp3": (0.120, 0.175, 0.153), "exp4": (0.114, 0.162, 0.143), "the best model": (0.107, 0.503, 0.304)}
WINDOW, CLOSE, SOON = 500, 0.03, 500
APART = 0.02  # what knowing when the best model fails has to win over every model alone, for a policy to find it
POINTS = 200  # of a curve

Errors = NDArray[np.float64]  # a row for each trial, a column for each query


@dataclass(frozen=True)
class Stream:
    """One set of models, and what each policy made of them."""

    name: str
    answers: Answers
    errors: dict[str, Errors]
    alone: Errors  # of the best model, which fails; a row for each trial
    floor: Errors  # of the best model that works

    @property
    def singles(self) -> list[float]:
        """The error of each model alone, over all queries."""
        best = int(self.answers.errors.argmin())
        return [float(self.alone.mean()) if n == best else float(error) for n, error in enumerate(self.answers.errors)]

    def recovery(self, policy: str, change: int) -> float:
        """Queries after a change until a window of 500, over all trials, is within 3 points of the best that works."""
        excess = (self.errors[policy] - self.floor).mean(axis=0)
        sums = np.concatenate([[0.0], np.cumsum(excess)])
        for start in range(change, QUERIES - WINDOW):
            if (sums[start + WINDOW] - sums[start]) / WINDOW <= CLOSE:
                return float(start - change)
        return float(QUERIES)


def run(setting: Setting) -> Finding:
    """Both streams."""
    seeds = setting.choose(SEEDS, QUICK_SEEDS)
    sets = {"CIFAR-10 networks": networks(setting.data), "accuracies as the paper's": drawn(ACCURACIES, 10_000)}
    streams = [
        _stream(name, answers, max(2, seeds // share), setting)
        for (name, answers), share in zip(sets.items(), (1, DRAWN_SHARE), strict=True)
    ]
    return Finding(
        "fig8",
        [claim for stream in streams for claim in _claims(stream)],
        [_table(stream) for stream in streams],
        [_plot(stream, number) for number, stream in enumerate(streams)],
    )


def _stream(name: str, answers: Answers, seeds: int, setting: Setting) -> Stream:
    best = int(answers.errors.argmin())
    orders = [_order(len(answers.labels), seed) for seed in range(seeds)]
    models = {
        f"m{n}": Recorded(answers.said[:, n], (BREAKS, WORKS_AGAIN) if n == best else (0, 0))
        for n in range(len(answers.models))
    }
    errors = {}
    with cluster() as running:
        running.deploy(models, "integers", [0, 0])
        for policy in POLICIES:
            setting.tell(f"{name}: {policy}")
            errors[policy] = _trials(running, policy, list(models), answers, orders, setting)
    chance = models[f"m{best}"]
    said = np.stack([chance.predict_batch(np.stack([order, np.arange(QUERIES)], axis=1)) for order in orders])
    truth = np.stack([answers.labels[order] for order in orders])
    alone = (said != truth).astype(np.float64)
    second = int(np.argsort(answers.errors)[1])
    floor = alone.copy()
    spare = (np.stack([answers.said[order, second] for order in orders]) != truth).astype(np.float64)
    floor[:, BREAKS:WORKS_AGAIN] = spare[:, BREAKS:WORKS_AGAIN]
    return Stream(name, answers, errors, alone, floor)


def _order(images: int, seed: int) -> NDArray[np.int64]:
    """All images in random order, as often as it takes."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(images) for _ in range(-(-QUERIES // images))])[:QUERIES]


def _trials(
    running: Cluster,
    policy: str,
    models: Sequence[str],
    answers: Answers,
    orders: Sequence[NDArray[np.int64]],
    setting: Setting,
) -> Errors:
    scripts = []
    for seed, order in enumerate(orders):
        name = f"{policy}-{seed}"
        running.application(name, models, "integers", policy=policy, policy_config=POLICIES[policy])
        running.wait_for(name, [0, 0])
        turns = [
            Turn(b'"input": [%d, %d]' % (image, query), b"%d" % answers.labels[image])
            for query, image in enumerate(order.tolist())
        ]
        scripts.append(Script(name, turns))
    replies = converse(running.port, scripts, setting.tell)
    said = np.array([[int(reply.output) for reply in each] for each in replies])
    wrong: Errors = (said != np.stack([answers.labels[order] for order in orders])).astype(np.float64)
    return wrong


def _claims(stream: Stream) -> list[Claim]:
    whole = {name: errors.mean(axis=1) for name, errors in stream.errors.items()}
    lowest = min(stream.singles)
    claims = []
    for name in PAPERS:
        text = f"{name}, {stream.name}: cumulative error less that of the best model, which fails"
        claims.append(at_most(text, statistics.difference(whole[name], stream.alone.mean(axis=1)), 0.0))
        if lowest - stream.floor.mean() >= APART:
            text = f"{name}, {stream.name}: cumulative error below that of every model alone"
            claims.append(at_most(text, statistics.mean(whole[name]), lowest))
    worst = np.minimum(*(whole[name] for name in PAPERS))
    for name in OURS:
        text = f"{name}, {stream.name}: cumulative error less that of the better of exp3 and exp4"
        claims.append(at_most(text, statistics.difference(whole[name], worst), 0.0))
        for change, what in ((BREAKS, "the failure"), (WORKS_AGAIN, "the return")):
            text = f"{name}, {stream.name}: within {CLOSE * 100:g} points of the best that works, after {what}"
            claims.append(at_most(text, statistics.mean([stream.recovery(name, change)]), SOON, "queries"))
    return claims


def _table(stream: Stream) -> Sheet:
    rows = []
    everything = {**stream.errors, "the best model": stream.alone, "the best that works": stream.floor}
    for name, errors in everything.items():
        means = [statistics.mean(errors[:, :end].mean(axis=1)).text() for end in (BREAKS, WORKS_AGAIN, QUERIES)]
        paper = PAPER_ERRORS.get(name)
        late = [
            f"{stream.recovery(name, change):.0f}" if name in stream.errors else "–" for change in (BREAKS, WORKS_AGAIN)
        ]
        rows.append((name, *means, "–" if paper is None else " / ".join(map(str, paper)), *late))
    rows.append(("the best model alone, of those that never fail", "–", "–", f"{min(stream.singles):.4g}", *"–––"))
    head = (
        "policy",
        "error after 5,000",
        "10,000",
        "20,000",
        "the paper's",
        "recovered from failure after",
        "from return after",
    )
    title = f"{stream.name[0].upper()}{stream.name[1:]}, {len(stream.alone)} trials"
    return sheet(title, head, rows)


def _plot(stream: Stream, number: int) -> Plot:
    places = np.unique(np.linspace(WINDOW, QUERIES - 1, POINTS).astype(int))
    lines = []
    for name, errors in {**stream.errors, "the best model": stream.alone}.items():
        so_far = np.cumsum(errors, axis=1)[:, places] / (places + 1)
        found = [statistics.mean(each) for each in so_far.T]
        middle = [round(each.value, 5) for each in found]
        low = [round(each.value if each.low is None else each.low, 5) for each in found]
        high = [round(each.value if each.high is None else each.high, 5) for each in found]
        lines.append(Line(name, places.tolist(), middle, low, high))
    marks = [("breaks", float(BREAKS)), ("works again", float(WORKS_AGAIN))]
    return Plot(f"fig8-{number + 1}", f"Cumulative error, {stream.name}", "queries", "error", lines, marks=marks)
