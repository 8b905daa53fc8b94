"""MovieLens (latest, small): who gave how many stars to which film; the genre somebody rates most is the group."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = "ml-latest-small"
SHARE_OF_OTHERS = 0.7  # of the users: models are trained on them
TASTES = 4  # numbers that describe a film, beside its mean
DOUBT = 5.0  # ratings worth of doubt in a mean
MOST_GROUPS = 6

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class User:
    """Films and stars in the order in which they were given."""

    films: list[int]
    stars: list[float]
    group: str


@dataclass(frozen=True)
class Shared:
    """What was learned from other users. Everything is relative to `mean`, the stars of all."""

    mean: float
    films: dict[int, float]  # how much better than the mean
    groups: dict[str, dict[int, float]]  # the same, as its group sees a film
    tastes: dict[int, Vector]

    def global_model(self, film: int) -> float:
        return self.films.get(film, 0.0)

    def group_model(self, film: int, group: str) -> float:
        return self.groups[group].get(film, self.global_model(film))


def users(folder: Path) -> list[User]:
    """All of them, in a random order."""
    with gzip.open(folder / "movies.csv.gz", "rt") as file:
        genres = {int(row["movieId"]): row["genres"].split("|") for row in csv.DictReader(file)}
    rated: dict[int, list[tuple[int, int, float]]] = {}
    with gzip.open(folder / "ratings.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            film = (int(row["timestamp"]), int(row["movieId"]), float(row["rating"]))
            rated.setdefault(int(row["userId"]), []).append(film)
    everything = Counter(genre for each in rated.values() for _, film, _ in each for genre in genres[film])
    total = everything.total()
    found = []
    for each in rated.values():
        own = Counter(genre for _, film, _ in each for genre in genres[film])
        common = [genre for genre, _ in everything.most_common(MOST_GROUPS)]
        group = max(common, key=lambda genre: own[genre] / own.total() - everything[genre] / total)
        each.sort()
        found.append(User([film for _, film, _ in each], [stars for _, _, stars in each], group))
    np.random.default_rng(0).shuffle(found)
    return found


def shared(others: list[User]) -> Shared:
    """Means, and what people like together: the strongest directions of what is left when means are gone."""
    mean = float(np.mean([stars for user in others for stars in user.stars]))
    films = _deviations(others, lambda _: mean)
    groups = {}
    for group in sorted({user.group for user in others}):
        members = [user for user in others if user.group == group]
        own = _deviations(members, lambda film: mean + films.get(film, 0.0))
        groups[group] = {film: films[film] + more for film, more in own.items()}
    return Shared(mean, films, groups, _tastes(others, mean, films))


def _deviations(raters: list[User], expected: Callable[[int], float]) -> dict[int, float]:
    """For each film, how much better than expected it was found, doubted where few have seen it."""
    found = defaultdict(list)
    for user in raters:
        for film, stars in zip(user.films, user.stars, strict=True):
            found[film].append(stars - expected(film))
    return {film: sum(each) / (len(each) + DOUBT) for film, each in found.items()}


def _tastes(raters: list[User], mean: float, films: dict[int, float]) -> dict[int, Vector]:
    places = {film: place for place, film in enumerate(films)}
    left = np.zeros((len(raters), len(films)))
    for row, user in enumerate(raters):
        rest = [stars - mean - films[film] for film, stars in zip(user.films, user.stars, strict=True)]
        own = sum(rest) / (len(rest) + DOUBT)  # some give more stars to everything
        left[row, [places[film] for film in user.films]] = np.array(rest) - own
    _, strengths, directions = np.linalg.svd(left, full_matrices=False)
    scaled = directions[:TASTES].T * strengths[:TASTES] / np.sqrt(len(raters))
    scaled /= np.abs(scaled).std() * 10
    return {film: scaled[place] for film, place in places.items()}
