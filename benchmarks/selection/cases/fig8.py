"""The paper's Fig. 8: the best of five models breaks between queries 5,000 and 10,000 of 20,000."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.bench import Bench
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_most
from benchmarks.selection.digit_models import few_pixels
from benchmarks.selection.streams import Errors, Labels, learn, thinned
from benchmarks.targets import Verdict
from clipper.selection.policies import policy_named

ACCURACIES = (0.7502, 0.6427, 0.8184, 0.5368, 0.8957)  # of the paper's models on CIFAR-10
BEST = 4  # its place
QUERIES, BREAKS, WORKS_AGAIN = 20_000, 5000, 10_000
CLASSES = 10
TRIALS, QUICK_TRIALS = 25, 2

OURS = ("tracking", "jury", "hedge")  # our default bandit, our default ensemble, and plain Hedge
PAPERS = ("exp3", "exp4")
SMOOTH, FOLLOW = 100, 500  # queries: of a window, and how long it has to stay good
CLOSE, SOON = 0.03, 500

Maker = Callable[[int], tuple[Labels, Labels]]


@dataclass(frozen=True)
class Trials:
    """What each policy did on one kind of stream, as the mean over the trials."""

    stream: str
    errors: dict[str, Errors]
    members: list[Errors]  # of each model alone

    @property
    def floor(self) -> Errors:
        """Of the best model that works."""
        best = self.members[BEST].copy()
        next_best = min(self.members[:BEST], key=lambda errors: float(errors.mean()))
        best[BREAKS:WORKS_AGAIN] = next_best[BREAKS:WORKS_AGAIN]
        return best


def measure(bench: Bench) -> Section:
    """Streams of the paper's accuracies, and real models."""
    count = QUICK_TRIALS if bench.quick else TRIALS
    found = [trials("as accurate as the paper's", count, bench, drawn)]
    real = few_pixels(bench, QUERIES)
    if real is not None:
        said, labels = real
        found.append(
            trials("real models on MNIST", max(2, count // 5), bench, lambda seed: shuffled(said, labels, seed))
        )
    return Section(
        "fig8",
        "Fig. 8: the best model breaks",
        f"Five models, {QUERIES:,} queries with feedback after each, {count} trials. From query {BREAKS:,} to "
        f"{WORKS_AGAIN:,} the best model answers by chance. Two kinds of streams: models with the accuracies of the "
        f"paper's ({', '.join(map(str, ACCURACIES))}), whose mistakes are drawn one by one, and five logistic "
        "regressions on MNIST that see few pixels (mnist.npz in the data folder), a fifth of the trials. "
        "`exp3` and `exp4` with the paper's settings (η 0.05 and 0.2), all others with their defaults. Recovered: "
        f"the first window of {SMOOTH} queries that is within 3 points of the best live model on the same queries, and "
        f"so are the {FOLLOW} from there.",
        [_sheet(each) for each in found],
        [verdict for each in found for verdict in _verdicts(each)],
        [_plot(each) for each in found],
    )


def trials(stream: str, count: int, bench: Bench, make: Maker) -> Trials:
    errors = {name: np.zeros(QUERIES) for name in (*OURS, *PAPERS)}
    members = [np.zeros(QUERIES) for _ in ACCURACIES]
    for seed in range(count):
        said, labels = make(seed)
        for name in errors:
            errors[name] += learn(policy_named(name, {}), said, labels, seed).errors / count
        for place in range(len(members)):
            members[place] += (said[:, place] != labels) / count
    bench.tell(f"{stream}: " + ", ".join(f"{name} {each.mean():.4f}" for name, each in errors.items()))
    return Trials(stream, errors, members)


def drawn(seed: int) -> tuple[Labels, Labels]:
    """Independent mistakes, each at random among the other classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, QUERIES)
    wrong = (labels[:, None] + rng.integers(1, CLASSES, (QUERIES, len(ACCURACIES)))) % CLASSES
    said = np.where(rng.random(wrong.shape) < ACCURACIES, labels[:, None], wrong)
    return broken(said, rng), labels


def shuffled(said: Labels, labels: Labels, seed: int) -> tuple[Labels, Labels]:
    """Real answers in another order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    return broken(said[order], rng), labels[order]


def broken(said: Labels, rng: np.random.Generator) -> Labels:
    """The best model answers by chance for a while."""
    said[BREAKS:WORKS_AGAIN, BEST] = rng.integers(0, CLASSES, WORKS_AGAIN - BREAKS)
    return said


def recovered(errors: Errors, floor: Errors, change: int) -> float:
    """Queries from a change until the errors are close to the floor and stay so."""
    excess = np.cumsum(np.concatenate([[0.0], errors - floor]))
    for start in range(change, len(errors) - FOLLOW):
        if all((excess[start + length] - excess[start]) / length <= CLOSE for length in (SMOOTH, FOLLOW)):
            return float(start - change)
    return float("inf")


def _verdicts(found: Trials) -> list[Verdict]:
    verdicts = []
    limit = min(found.errors[name].mean() for name in PAPERS)
    for name in OURS:
        errors = found.errors[name]
        condition = f"{name}, {found.stream}"
        verdicts.append(
            at_most(f"{condition}: cumulative error, against the better of Exp3 and Exp4", float(errors.mean()),
                    round(float(limit), 4), "")
        )  # fmt: skip
        for change, what in ((BREAKS, "the failure"), (WORKS_AGAIN, "the return")):
            queries = recovered(errors, found.floor, change)
            verdicts.append(at_most(f"{condition}: within 3 points after {what}", queries, SOON, "queries"))
    return verdicts


def _sheet(found: Trials) -> Sheet:
    head = (
        "policy",
        "error after 5,000",
        "after 10,000",
        "after 20,000",
        "recovered from the failure after, queries",
        "from the return after, queries",
    )
    rows = []
    everything = {**found.errors, "the best live model": found.floor, "the best model": found.members[BEST]}
    for name, errors in everything.items():
        means = [f"{errors[:end].mean():.4f}" for end in (BREAKS, WORKS_AGAIN, QUERIES)]
        late = [f"{recovered(errors, found.floor, change):.0f}" for change in (BREAKS, WORKS_AGAIN)]
        rows.append((name, *means, *(late if name in found.errors else ("–", "–"))))
    return Sheet(found.stream[0].upper() + found.stream[1:], head, rows)


def _plot(found: Trials) -> Plot:
    lines = []
    for name, errors in {**found.errors, "the best model": found.members[BEST]}.items():
        so_far = np.cumsum(errors) / np.arange(1, QUERIES + 1)
        x, y = thinned(so_far[SMOOTH:], 200)
        lines.append(Line(name, [place + SMOOTH for place in x], y))
    marks = [("breaks", float(BREAKS)), ("works again", float(WORKS_AGAIN))]
    name = "fig8-drawn" if "paper" in found.stream else "fig8-real"
    return Plot(name, f"Cumulative error, {found.stream}", "queries", "error", lines, marks=marks)
