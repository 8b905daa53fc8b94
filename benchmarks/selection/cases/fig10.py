"""The paper's Fig. 10: weights of each user's own, after none to some feedbacks, on real data in groups."""

from dataclasses import dataclass

import msgspec
import numpy as np

from benchmarks.bench import Bench
from benchmarks.environment import Unavailable
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_most
from benchmarks.selection.ratings import FOLDER, SHARE_OF_OTHERS, TASTES, Shared, User, Vector, shared, users
from benchmarks.selection.streams import QUERY
from clipper.selection.policies import policy_named
from clipper.selection.policy import Feedback, Policy, Selection, State

PRECISION = 8.0  # of split_model: feedbacks that the first belief is worth
EACH = 20  # feedbacks of each other user, from which a new one's weights start
FEEDBACKS, ASKED = 16, 50  # of a user: what it gives feedback for, then what it is asked about
MODELS = Selection(("film", "taste"), (1.0, 1.0))


@dataclass(frozen=True)
class Found:
    """Root mean squared errors, in stars, of users that no model knows."""

    users: int
    global_model: float
    group_model: float
    personal: list[float]  # after so many feedbacks


def measure(bench: Bench) -> Section:
    """Raises Unavailable without the ratings."""
    folder = bench.file(FOLDER)
    if folder is None:
        raise Unavailable(f"needs the folder {FOLDER} of MovieLens (grouplens.org/datasets/movielens) in --data")
    everybody = users(folder)
    others = everybody[: int(SHARE_OF_OTHERS * len(everybody))]
    new = [user for user in everybody[len(others) :] if len(user.films) > FEEDBACKS]
    found = compare(shared(others), others, new)
    bench.tell(f"global {found.global_model:.4f}, own group's {found.group_model:.4f}, after 8 {found.personal[8]:.4f}")
    rows: list[tuple[str, ...]] = [
        ("global model: a film's mean", f"{found.global_model:.4f}"),
        ("the model of the user's own group", f"{found.group_model:.4f}"),
    ]
    rows += [
        (f"split_model, after {n} feedback{'s' if n != 1 else ''}", f"{found.personal[n]:.4f}")
        for n in (0, 1, 2, 4, 8, FEEDBACKS)
    ]
    return Section(
        "fig10",
        "Fig. 10: a policy for each user",
        f"MovieLens (latest, small): models are made of the ratings of {SHARE_OF_OTHERS:.0%} of the users; the other "
        f"{found.users} are new. The global model says how a film was found in the mean; a group's model, how its "
        "members found it, where a group is those who rate the same genre more than others do, as known from all that "
        f"somebody has rated. `split_model` (precision {PRECISION:g}) has two models below it: the global one, and "
        f"{TASTES} numbers that describe a film; a new user's weights start from what {EACH} feedbacks of each other "
        f"user have taught. A user's ratings in the order in which they were given: feedback on the first, then errors "
        f"on the {ASKED} after the first {FEEDBACKS}, which nobody has learned from. The paper has phonemes of 168 "
        "speakers in dialects: its policy is better than the global model after one feedback, and than the dialect's.",
        [Sheet("Root mean squared error, stars", ("", "error"), rows)],
        [
            at_most("after 1 feedback, against the global model", found.personal[1], round(found.global_model, 4), ""),
            at_most("after 8, against the own group's model", found.personal[8], round(found.group_model, 4), ""),
        ],
        [
            Plot(
                "fig10",
                "New users of MovieLens",
                "feedbacks of the user",
                "root mean squared error, stars",
                [Line("split_model", list(range(FEEDBACKS + 1)), found.personal)],
                limits=[("global model", found.global_model), ("own group's model", found.group_model)],
            )
        ],
    )


def compare(models: Shared, others: list[User], new: list[User]) -> Found:
    """All of the new users, each with the same weight."""
    policy = policy_named("split_model", {"precision": PRECISION})
    population = taught(policy, models, others)
    means: list[float] = []
    groups: list[float] = []
    personal: list[list[float]] = []
    for user in new:
        asked = slice(FEEDBACKS, FEEDBACKS + ASKED)
        films, stars = user.films[asked], np.array(user.stars[asked]) - models.mean
        means.append(_squared([models.global_model(film) for film in films], stars))
        groups.append(_squared([models.group_model(film, user.group) for film in films], stars))
        state, errors = policy.start(population), []
        for given in range(FEEDBACKS + 1):
            errors.append(_squared([_answer(policy, state, models, film) for film in films], stars))
            if given < FEEDBACKS:
                state = _observed(policy, state, models, user, given)
        personal.append(errors)
    after = np.sqrt(np.mean(personal, axis=0)).round(4).tolist()
    return Found(len(new), float(np.sqrt(np.mean(means))), float(np.sqrt(np.mean(groups))), after)


def taught(policy: Policy, models: Shared, others: list[User]) -> State:
    """What all contexts together have learned: as much from each user."""
    state, rng = policy.init(MODELS.models), np.random.default_rng(0)
    for user in others:
        for place in rng.permutation(len(user.films))[:EACH].tolist():
            state = _observed(policy, state, models, user, place)
    return state


def _outputs(models: Shared, film: int) -> list[bytes]:
    tastes = models.tastes.get(film)
    return [
        b"%.4f" % models.global_model(film),
        msgspec.json.encode([0.0] * TASTES if tastes is None else tastes.round(4).tolist()),
    ]


def _answer(policy: Policy, state: State, models: Shared, film: int) -> float:
    answer = policy.combine(state, QUERY, MODELS, _outputs(models, film))
    assert answer is not None
    return float(answer.output)


def _observed(policy: Policy, state: State, models: Shared, user: User, place: int) -> State:
    label = Feedback(b"%.4f" % (user.stars[place] - models.mean))
    return policy.observe(state, QUERY, label, MODELS, _outputs(models, user.films[place]))


def _squared(said: list[float], true: Vector) -> float:
    return float(np.mean((np.array(said) - true) ** 2))
