"""The paper's Fig. 7: ensembles of real models, what agreement says, and whether confidence means what it says."""

from dataclasses import dataclass

import numpy as np

from benchmarks.bench import Bench
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_most
from benchmarks.selection.kinds import Answers, digit_kinds, networks
from benchmarks.selection.streams import Errors, Learned, learn
from benchmarks.targets import Verdict
from clipper.selection.policies import policy_named

BINS = 10
LARGEST_CALIBRATION_ERROR = 2.0  # points
ORDERS, QUICK_ORDERS = 3, 1
POLICIES = ("majority", "jury")


@dataclass(frozen=True)
class Ensembles:
    """What ensembles made of the answers to one set of images. Learned: by policy, one for each order."""

    answers: Answers
    agreement: Learned  # of plain majority
    calibrated: dict[str, list[Learned]]

    @property
    def members(self) -> list[float]:
        """The error of each model alone."""
        return [float(share) for share in (self.answers.said != self.answers.labels[:, None]).mean(axis=0)]


def measure(bench: Bench) -> Section:
    """Both sets of images; without the data folder, one of them."""
    sets = [each for each in (networks(bench), digit_kinds(bench)) if each is not None]
    found = [ensembles(each, QUICK_ORDERS if bench.quick else ORDERS) for each in sets]
    for each in found:
        error = each.agreement.errors.mean()
        bench.tell(f"{each.answers.name}: best member {min(each.members):.4f}, majority {error:.4f}")
    return Section(
        "fig7",
        "Fig. 7: ensembles and confidence",
        "Five trained networks on CIFAR-10's 10,000 test images (their answers: cifar10_preds.npz in the data folder), "
        f"and five kinds of scikit-learn models on {sets[-1].name.partition(',')[0]}. Agreement as in the paper: how "
        "many of the five say what is answered. Calibration error: how far, over ten bins of stated confidence, what "
        "was stated is from how often it was right, weighted by how often it was stated; of the second half of the "
        f"queries, after feedback on the first, mean of {len(found[0].calibrated['majority'])} orders. The paper has "
        "an error of 0.0845 with a best member of 0.0915 on CIFAR-10 (-7.7 %), and -5.2 % on ImageNet.",
        [sheet for each in found for sheet in (_sheet(each), _agreement(each))],
        [verdict for each in found for verdict in _verdicts(each)],
        [_plot(found)],
    )


def ensembles(answers: Answers, orders: int) -> Ensembles:
    """Majority has nothing to learn but confidence, so one order tells its error."""
    learned: dict[str, list[Learned]] = {name: [] for name in POLICIES}
    for seed in range(orders):
        mixed = answers.shuffled(seed)
        for name, each in learned.items():
            each.append(learn(policy_named(name, {"calibrated": True}), mixed.said, mixed.labels, seed))
    agreement = learn(policy_named("majority", {}), answers.said, answers.labels, 0)
    return Ensembles(answers, agreement, learned)


def calibration_error(confidences: Errors, errors: Errors) -> float:
    """In points."""
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    total = 0.0
    for place in np.unique(places):
        here = places == place
        total += abs(float(confidences[here].mean() - 1.0 + errors[here].mean())) * float(here.mean())
    return 100.0 * total


def later(learned: Learned) -> tuple[Errors, Errors]:
    """Confidences and errors of the second half."""
    half = len(learned.errors) // 2
    return learned.confidences[half:], learned.errors[half:]


def _calibration(found: Ensembles, policy: str) -> float:
    return float(np.mean([calibration_error(*later(each)) for each in found.calibrated[policy]]))


def _error(found: Ensembles, policy: str) -> float:
    return float(np.mean([each.errors.mean() for each in found.calibrated[policy]]))


def _verdicts(found: Ensembles) -> list[Verdict]:
    name, best = found.answers.name, round(min(found.members), 4)
    verdicts = []
    for policy in POLICIES:
        error = _error(found, policy)
        relative = f"({error / min(found.members) - 1:+.1%})"
        verdicts.append(at_most(f"{name}, {policy}: error, against the best member", error, best, "", relative))
        condition = f"{name}, {policy}: calibration error"
        verdicts.append(at_most(condition, _calibration(found, policy), LARGEST_CALIBRATION_ERROR, "points"))
    return verdicts


def _sheet(found: Ensembles) -> Sheet:
    members = zip(found.answers.models, found.members, strict=True)
    rows: list[tuple[str, ...]] = [(model, f"{error:.4f}", "–") for model, error in members]
    rows += [
        (f"{each} of all five", f"{_error(found, each):.4f}", f"{_calibration(found, each):.2f}") for each in POLICIES
    ]
    return Sheet(f"{found.answers.name}: errors", ("", "error", "calibration error, points"), rows)


def _agreement(found: Ensembles) -> Sheet:
    errors, agreeing = found.agreement.errors, np.round(found.agreement.confidences * len(found.answers.models))
    rows: list[tuple[str, ...]] = []
    for least in (4, 5):
        sure = agreeing >= least
        unsure = f"{errors[~sure].mean():.4f}" if not sure.all() else "–"
        rows.append((f"{least} of 5 or more", f"{sure.mean():.1%}", f"{errors[sure].mean():.4f}", unsure))
    head = ("agree", "of the queries", "error where they agree", "where they do not")
    return Sheet(f"{found.answers.name}: agreement", head, rows)


def _plot(found: list[Ensembles]) -> Plot:
    lines = [Line("as stated", [0.0, 1.0], [0.0, 1.0])]
    for each in found:
        confidences, errors = map(np.concatenate, zip(*map(later, each.calibrated["majority"]), strict=True))
        places = np.minimum((confidences * BINS).astype(int), BINS - 1)
        used = [place for place in range(BINS) if (places == place).sum() >= 20]
        x = [float(confidences[places == place].mean()) for place in used]
        y = [float(1.0 - errors[places == place].mean()) for place in used]
        lines.append(Line(each.answers.name, x, y))
    return Plot("fig7-calibration", "Stated confidence, and what became of it", "confidence", "share right", lines)
