"""The paper's Fig. 7: what an ensemble errs on, what agreement says of its answers, and whether confidence is
calibrated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Sheet
from benchmarks.section import Line, Plot
from benchmarks.selection.cases.fig7 import calibration_error
from experiments.fig7 import frameworks, photos
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.conversation import Script, Turn, converse
from experiments.lib.finding import Claim, Finding, at_most, sheet
from experiments.lib.networks import Answers, Recorded, networks
from experiments.lib.setting import Setting

PARTS = 16  # connections that ask what needs no order
ORDERS, QUICK_ORDERS = 5, 2
MEMBERS = 5
POINTS = 2.0  # of calibration error
BINS = 10

PAPERS = {4: "0.0610 on 80.35 %, 0.1807 else", 5: "0.0235 on 40.5 %, 0.1260 else"}  # by how many agree

Vector = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Plain:
    """Majority: whether each answer was wrong, and by how many had to agree, whether they did."""

    wrong: Vector
    sure: dict[int, Chosen]


@dataclass(frozen=True)
class Judged:
    """What was answered: whether wrong, and how sure."""

    wrong: Vector
    confidence: Vector


def run(setting: Setting) -> Finding:
    """Majority without feedback; then `majority` and `jury`, calibrated, with it."""
    answers = networks(setting.data)
    orders = [
        np.random.default_rng(seed).permutation(len(answers.labels))
        for seed in range(setting.choose(ORDERS, QUICK_ORDERS))
    ]
    with cluster() as running:
        models = {f"m{n}": Recorded(answers.said[:, n]) for n in range(MEMBERS)}
        running.deploy(models, "integers", [0, 0])
        plain = _asked(running, answers, setting)
        learned = {policy: _taught(running, policy, answers, orders, setting) for policy in ("majority", "jury")}
    found = _finding(answers, plain, learned)
    for part in (frameworks.run(setting), photos.run(setting)):
        found.claims += part.claims
        found.tables += part.tables
    return found


def _asked(running: Cluster, answers: Answers, setting: Setting) -> Plain:
    """Of everybody; then by applications that answer only where enough members agree, and else their default."""
    sure = {}
    wrong, _ = _majority(running, 0.0, answers, setting)
    for least in PAPERS:
        _, sure[least] = _majority(running, (least - 0.5) / MEMBERS, answers, setting)
    return Plain(wrong, sure)


def _majority(running: Cluster, threshold: float, answers: Answers, setting: Setting) -> tuple[Vector, Chosen]:
    """Whether each answer is wrong, and whether it is none of defaults."""
    name, models = f"least-{10 * threshold:.0f}", [f"m{n}" for n in range(MEMBERS)]
    running.application(name, models, "integers", policy="majority", confidence_threshold=threshold)
    if not threshold:
        running.wait_for(name, [0, 0])
    parts = np.array_split(np.arange(len(answers.labels)), PARTS)
    scripts = [Script(name, [Turn(b'"input": [%d, 0]' % n) for n in part.tolist()]) for part in parts]
    replies = [reply for each in converse(running.port, scripts, setting.tell) for reply in each]
    wrong = np.array([int(reply.output) for reply in replies]) != answers.labels
    return wrong.astype(np.float64), np.array([not reply.default for reply in replies])


def _taught(
    running: Cluster, policy: str, answers: Answers, orders: list[NDArray[np.int64]], setting: Setting
) -> list[Judged]:
    scripts = []
    for number, order in enumerate(orders):
        name = f"{policy}-{number}"
        running.application(
            name, [f"m{n}" for n in range(MEMBERS)], "integers", policy=policy, policy_config={"calibrated": True}
        )
        running.wait_for(name, [0, 0])
        scripts.append(Script(name, [Turn(b'"input": [%d, 0]' % n, b"%d" % answers.labels[n]) for n in order.tolist()]))
    found = []
    for order, replies in zip(orders, converse(running.port, scripts, setting.tell), strict=True):
        wrong = np.array([int(reply.output) for reply in replies]) != answers.labels[order]
        found.append(Judged(wrong.astype(np.float64), np.array([reply.confidence or 0.0 for reply in replies])))
    setting.tell(f"{policy}: error {np.mean([each.wrong.mean() for each in found]):.4f}")
    return found


def _finding(answers: Answers, plain: Plain, learned: dict[str, list[Judged]]) -> Finding:
    best = int(answers.errors.argmin())
    alone = (answers.said[:, best] != answers.labels).astype(np.float64)
    rows = [(name, f"{error:.4f}", "–") for name, error in zip(answers.models, answers.errors, strict=True)]
    rows.append(("majority of the five", statistics.mean(plain.wrong).text(), "–"))
    claims = [
        at_most("majority: error less the best member's", statistics.difference(plain.wrong, alone), 0.0),
        _apart(plain),
    ]
    for policy, each in learned.items():
        error = statistics.mean([one.wrong.mean() for one in each])
        off = statistics.mean([calibration_error(*_later(one)) for one in each])
        rows.append((f"{policy}, with feedback", error.text(), off.text("points")))
        claims.append(at_most(f"{policy}, calibrated: how far stated confidence is off", off, POINTS, "points"))
    jury = statistics.mean([one.wrong.mean() for one in learned["jury"]])
    claims.append(at_most("jury: error, of the best member's", jury, float(alone.mean())))
    tables = [sheet("Errors", ("", "error", "stated confidence is off by"), rows), _agreement(plain)]
    return Finding("fig7", claims, tables, [_plot(learned)])


def _apart(plain: Plain) -> Claim:
    """Twice as often wrong where not all agree, at least."""
    sure = plain.sure[MEMBERS]
    unsure = plain.wrong[~sure].mean()
    measured = statistics.mean(plain.wrong[sure] / unsure)
    return at_most("error where all five agree, of the error where they do not", measured, 0.5, "×")


def _later(judged: Judged) -> tuple[Vector, Vector]:
    half = len(judged.wrong) // 2
    return judged.confidence[half:], judged.wrong[half:]


def _agreement(plain: Plain) -> Sheet:
    rows = []
    for least, paper in PAPERS.items():
        sure = plain.sure[least]
        on, off = statistics.mean(plain.wrong[sure]), statistics.mean(plain.wrong[~sure])
        rows.append((f"{least} of 5 or more", f"{sure.mean():.1%}", on.text(), off.text(), paper))
    return sheet(
        "Agreement", ("agree", "of the queries", "error where they do", "where they do not", "the paper's"), rows
    )


def _plot(learned: dict[str, list[Judged]]) -> Plot:
    lines = [Line("as stated", [0.0, 1.0], [0.0, 1.0])]
    for policy, each in learned.items():
        confidence, wrong = map(np.concatenate, zip(*map(_later, each), strict=True))
        places = np.minimum((confidence * BINS).astype(int), BINS - 1)
        used = [place for place in range(BINS) if (places == place).sum() >= 50]
        x = [round(float(confidence[places == place].mean()), 4) for place in used]
        lines.append(Line(policy, x, [round(float(1 - wrong[places == place].mean()), 4) for place in used]))
    return Plot("fig7", "Stated confidence, and what became of it", "confidence", "share right", lines)
