"""The split model of Velox (CIDR'15) on MovieLens: item features from containers, weights of each user online."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.section import Line, Plot
from benchmarks.selection.ratings import SHARE_OF_OTHERS, TASTES, Shared, User, shared, users
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.conversation import Reply, Script, Turn, converse
from experiments.lib.data import FILMS, RATINGS
from experiments.lib.finding import Finding, Measured, at_most, sheet
from experiments.lib.setting import Setting

APP = "films"
PRECISION = 8.0  # feedbacks that the first belief is worth
TAUGHT = 20  # feedbacks of each earlier user
RATED = 64  # ratings of a new user, in the order in which they were given
BANDS = ((0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 64))
LATE = slice(16, RATED)
LONG, QUICK_LONG, ENDS = 4000, 1000, 200  # feedbacks of one user, to time the first and the last of
AT_ONCE = 64  # connections

Vector = NDArray[np.float64]


class Rows:
    """A table of a film's features: a number, or some, by the film's place."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def predict_batch(self, inputs: Any) -> Any:
        return [self.rows[int(place)] for place in inputs[:, 0]]


@dataclass(frozen=True)
class World:
    """Films by their place in the tables, and who rates them."""

    models: Shared
    places: dict[int, int]
    earlier: list[User]
    new: list[User]

    def features(self, film: int) -> Vector:
        """What the two containers say of a film, as one row."""
        tastes = self.models.tastes.get(film, np.zeros(TASTES))
        return np.concatenate([[round(self.models.global_model(film), 4)], tastes.round(4)])


def run(setting: Setting) -> Finding:
    """Teach with earlier users, then follow new ones from their first rating on; then time one user's updates."""
    world = _world(setting)
    with cluster() as running:
        _serve(running, world)
        rng = np.random.default_rng(0)
        taught = [_some(user, rng) for user in world.earlier]
        _rate(running, world, taught, "e", setting)
        replies = _rate(running, world, world.new, "n", setting)
        long = _long_user(running, world, setting)
    truth = np.array([user.stars[:RATED] for user in world.new]) - world.models.mean
    said = np.array([[float(reply.output) for reply in each] for each in replies])
    alone = np.array([[world.models.global_model(film) for film in user.films[:RATED]] for user in world.new])
    errors = {
        "personal weights, online (ours)": (said - truth) ** 2,
        "the shared model alone": (alone - truth) ** 2,
        "personal weights, refitted from all ratings each time": (_refitted(world, taught, truth) - truth) ** 2,
    }
    return _finding(errors, long)


def _world(setting: Setting) -> World:
    setting.data.path(FILMS)
    everybody = users(setting.data.path(RATINGS).parent)
    earlier = everybody[: int(SHARE_OF_OTHERS * len(everybody))]
    new = [user for user in everybody[len(earlier) :] if len(user.films) >= RATED]
    films = sorted({film for user in everybody for film in user.films})
    return World(shared(earlier), {film: place for place, film in enumerate(films)}, earlier, new)


def _some(user: User, rng: np.random.Generator) -> User:
    chosen = rng.permutation(len(user.films))[:TAUGHT].tolist()
    return User([user.films[n] for n in chosen], [user.stars[n] for n in chosen], user.group)


def _serve(running: Cluster, world: World) -> None:
    rows = np.array([world.features(film) for film in world.places])
    models = {"film": Rows(rows[:, 0].tolist()), "taste": Rows(rows[:, 1:].tolist())}
    running.deploy(models, "integers", [0])
    running.application(APP, list(models), "integers", policy="split_model", policy_config={"precision": PRECISION})
    running.wait_for(APP, [0])


def _rate(running: Cluster, world: World, raters: list[User], kind: str, setting: Setting) -> list[list[Reply]]:
    """Each rating predicted, then told, in the raters' own order; so many raters at once."""
    scripts = [
        Script(
            APP,
            [
                Turn(
                    b'"input": [%d], "context": "%b-%d"' % (world.places[film], kind.encode(), number),
                    b"%.4f" % (stars - world.models.mean),
                )
                for film, stars in zip(user.films[:RATED], user.stars[:RATED], strict=True)
            ],
        )
        for number, user in enumerate(raters)
    ]
    found: list[list[Reply]] = []
    for start in range(0, len(scripts), AT_ONCE):
        found += converse(running.port, scripts[start : start + AT_ONCE], setting.tell)
    setting.tell(f"{len(raters)} users with {sum(map(len, found)):,} ratings")
    return found


def _long_user(running: Cluster, world: World, setting: Setting) -> list[float]:
    """How long each feedback of one user took until it was durable, in ms."""
    count = setting.choose(LONG, QUICK_LONG)
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(world.places), count).tolist()
    turns = [Turn(b'"input": [%d], "context": "long"' % place, b"0.5") for place in places]
    (replies,) = converse(running.port, [Script(APP, turns)], setting.tell)
    return [reply.feedback_ms for reply in replies]


def _refitted(world: World, taught: list[User], truth: Vector) -> Vector:
    """The same predictions by ridge regressions from scratch, as Velox made them: around what earlier users taught."""
    rows = np.array([world.features(film) for user in taught for film in user.films])
    stars = np.array([each for user in taught for each in user.stars]) - world.models.mean
    design = np.column_stack([np.ones(len(rows)), rows])
    prior = np.linalg.solve(design.T @ design + PRECISION * np.eye(design.shape[1]), design.T @ stars)
    found = np.zeros_like(truth)
    for number, user in enumerate(world.new):
        seen = np.column_stack([np.ones(RATED), [world.features(film) for film in user.films[:RATED]]])
        for n in range(RATED):
            before = seen[:n]
            left = truth[number, :n] - before @ prior
            own = np.linalg.solve(before.T @ before + PRECISION * np.eye(seen.shape[1]), before.T @ left)
            found[number, n] = seen[n] @ (prior + own)
    return found


def _finding(errors: dict[str, Vector], long: list[float]) -> Finding:
    ours, alone, _ = errors.values()
    mine, shared_alone, again = (each[:, LATE].mean(axis=1) for each in errors.values())
    first, last = float(np.median(long[:ENDS])), float(np.median(long[-ENDS:]))
    early = statistics.ratio(ours[:, 1:8].mean(axis=1), alone[:, 1:8].mean(axis=1))
    late, refit = statistics.ratio(mine, shared_alone), statistics.ratio(mine, again)
    cold = statistics.ratio(ours[:, 0], alone[:, 0])
    claims = [
        at_most("squared error after 1 to 7 ratings, of the shared model's", early, 1.0, "×"),
        at_most("squared error after 16 ratings and more, of the shared model's", late, 1.0, "×"),
        at_most("the same, of weights refitted from all ratings each time", refit, 1.03, "×"),
        at_most("cold start: squared error before any rating, of the shared model's", cold, 1.1, "×"),
        at_most(f"a durable update after {len(long):,} ratings, of a first one", Measured(last / first), 1.3, "×"),
    ]
    rows = []
    for low, high in BANDS:
        cells = [f"{np.sqrt(each[:, low:high].mean()):.4f}" for each in errors.values()]
        rows.append((f"{low} to {high - 1}" if high - low > 1 else str(low), *cells))
    times = [(f"the first {ENDS}", f"{first:.2f}"), (f"the last {ENDS} of {len(long):,}", f"{last:.2f}")]
    tables = [
        sheet(f"Error of {len(ours)} new users by number of earlier ratings, stars", ("ratings", *errors), rows),
        sheet("A feedback of one user, until it is durable", ("", "median, ms"), times),
    ]
    lines = [Line(name, list(range(RATED)), _smooth(np.sqrt(each.mean(axis=0)))) for name, each in errors.items()]
    plot = Plot("velox", "New users of MovieLens", "ratings before", "root mean squared error, stars", lines)
    return Finding("velox", claims, tables, [plot])


def _smooth(values: Vector) -> list[float]:
    """A running mean over nine."""
    padded = np.pad(values, 4, mode="edge")
    return [round(float(each), 4) for each in np.convolve(padded, np.full(9, 1 / 9), "valid")]
