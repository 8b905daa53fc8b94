"""The paper's Fig. 10: a selection state for each user, on digits that groups of users call differently."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.section import Line, Plot
from benchmarks.selection.digit_models import fitted
from experiments.fig10 import languages, speech
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.conversation import Script, Turn, converse
from experiments.lib.data import MNIST
from experiments.lib.finding import Claim, Finding, at_most, sheet
from experiments.lib.networks import Recorded
from experiments.lib.setting import Setting

GROUPS, MOVED = 4, 4  # groups of users, and digits whose names a group exchanges
USERS, QUICK_USERS, AT_ONCE = 600, 120, 40
TRAIN, ASKED = 3000, 8000
HALF = 24  # queries before a user goes over to another group, and after
OURS = "jury"
POLICIES = ("hedge", OURS)
SHOWN = (0, 1, 2, 4, 8, 16, 23)
PAPER = {0: 0.362, 1: 0.3117, 2: 0.3124, 4: 0.3039, 8: 0.2999}

Errors = NDArray[np.float64]  # a row for each user, a column for each query


@dataclass(frozen=True)
class World:
    """What each model (the groups', then the pooled one) says of each image, and what each group calls it."""

    said: NDArray[np.int64]
    names: NDArray[np.int64]  # a row for each group


@dataclass(frozen=True)
class Users:
    """What everybody asks, and to which group they belong at each query."""

    images: NDArray[np.int64]
    groups: NDArray[np.int64]


def run(setting: Setting) -> Finding:
    """Each policy with the same users."""
    world = _world(setting)
    users = _users(setting.choose(USERS, QUICK_USERS))
    truth = world.names[users.groups, users.images]
    pooled = (world.said[users.images, GROUPS] != truth).astype(np.float64)
    own = (world.said[users.images, users.groups] != truth).astype(np.float64)
    with cluster() as running:
        models = {f"m{n}": Recorded(world.said[:, n]) for n in range(GROUPS + 1)}
        running.deploy(models, "integers", [0, 0])
        errors = {policy: _asked(running, policy, users, truth, setting) for policy in POLICIES}
    rows = []
    for place in SHOWN:
        cells = [statistics.mean(each[:, place]).text() for each in (*errors.values(), pooled, own)]
        rows.append((place, *cells, PAPER.get(place, "–")))
    after = [statistics.mean(each[:, HALF + 8 :].mean(axis=1)).text() for each in (*errors.values(), pooled, own)]
    rows.append(("8 and more after the change", *after, "–"))
    head = ("feedbacks", *POLICIES, "pooled model", "own group's model", "the paper's policy")
    claims = _claims(OURS, errors[OURS], pooled, own)
    x = list(range(2 * HALF))
    lines = [Line(name, x, _means(each)) for name, each in (*errors.items(), ("pooled", pooled), ("own group's", own))]
    marks = [("goes over to another group", float(HALF))]
    plot = Plot("fig10", "Users of four groups", "feedbacks of the user", "error", lines, marks=marks)
    found = Finding("fig10", claims, [sheet(f"Digits: error of {len(truth)} users", head, rows)], [plot])
    for more in (languages.run(setting), speech.run(setting)):
        found.claims += more.claims
        found.tables += more.tables
        found.plots += more.plots
    return found


def _world(setting: Setting) -> World:
    with np.load(setting.data.path(MNIST)) as file:
        train, labels = file["x_train"][:TRAIN].reshape(TRAIN, -1) / 255.0, file["y_train"][:TRAIN].astype(np.int64)
        asked, truth = file["x_test"][:ASKED].reshape(ASKED, -1) / 255.0, file["y_test"][:ASKED].astype(np.int64)
    renamed = np.tile(np.arange(10), (GROUPS, 1))
    for group in range(GROUPS):
        moved = (np.arange(MOVED) * 2 + group * 3) % 10
        renamed[group, moved] = np.roll(moved, 1)
    rng = np.random.default_rng(0)
    mixed = renamed[rng.integers(0, GROUPS, TRAIN), labels]
    said = [_model(train, renamed[group, labels]).predict(asked) for group in range(GROUPS)]
    said.append(_model(train, mixed).predict(asked))
    return World(np.stack(said, axis=1).astype(np.int64), renamed[:, truth])


def _model(images: NDArray[np.float64], labels: NDArray[np.int64]) -> Any:
    return fitted(LogisticRegression(max_iter=100, C=0.1), images, labels)


def _users(count: int) -> Users:
    rng = np.random.default_rng(1)
    images = rng.integers(0, ASKED, (count, 2 * HALF))
    first = rng.integers(0, GROUPS, count)
    second = (first + rng.integers(1, GROUPS, count)) % GROUPS
    groups = np.concatenate([np.repeat(first[:, None], HALF, axis=1), np.repeat(second[:, None], HALF, axis=1)], axis=1)
    return Users(images, groups)


def _asked(running: Cluster, policy: str, users: Users, truth: NDArray[np.int64], setting: Setting) -> Errors:
    """Whether each answer was wrong."""
    running.application(policy, [f"m{n}" for n in range(GROUPS + 1)], "integers", policy=policy)
    running.wait_for(policy, [0, 0])
    scripts = [
        Script(
            policy,
            [
                Turn(b'"input": [%d, 0], "context": "u%d"' % (image, user), b"%d" % label)
                for image, label in zip(users.images[user].tolist(), truth[user].tolist(), strict=True)
            ],
        )
        for user in range(len(truth))
    ]
    said: list[list[int]] = []
    for start in range(0, len(scripts), AT_ONCE):
        replies = converse(running.port, scripts[start : start + AT_ONCE], setting.tell)
        said += [[int(reply.output) for reply in each] for each in replies]
    wrong: Errors = (np.array(said) != truth).astype(np.float64)
    setting.tell(f"{policy}: error {wrong[:, 0].mean():.3f} at first, {wrong[:, 8:HALF].mean():.3f} after 8 feedbacks")
    return wrong


def _claims(policy: str, errors: Errors, pooled: Errors, own: Errors) -> list[Claim]:
    late, again = slice(8, HALF), slice(HALF + 8, 2 * HALF)
    return [
        at_most(
            f"{policy}: error after 1 feedback less the pooled model's",
            statistics.difference(errors[:, 1], pooled[:, 1]),
            0.0,
        ),
        at_most(
            f"{policy}: error after 8 and more less the own group's model's",
            statistics.difference(errors[:, late].mean(axis=1), own[:, late].mean(axis=1)),
            0.02,
        ),
        at_most(
            f"{policy}: error after 8 and more in another group less the pooled model's",
            statistics.difference(errors[:, again].mean(axis=1), pooled[:, again].mean(axis=1)),
            0.0,
        ),
    ]


def _means(errors: Errors) -> list[float]:
    return [round(float(each), 4) for each in errors.mean(axis=0)]
