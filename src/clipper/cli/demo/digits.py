"""The handwritten digits that scikit-learn ships, and models that read them."""

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clipper.core.errors import ClipperError, ErrorCode

DARKEST = 16
"""Of a pixel."""

SIDE = 8
"""Pixels of an image, across and down."""

FRESH_BLOCK = 256
"""Noisy images made at a time: NumPy is slow for one and fast for many."""


@dataclass(frozen=True)
class Digits:
    """1797 images of 8x8 pixels, each a row of 64 numbers; half of them held out, which no model sees in training."""

    train_images: Any
    train_labels: Any
    images: list[list[int]]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.images)

    def again_and_fresh(self, seed: int) -> Iterator[tuple[list[int], int]]:
        """Held-out images for ever, in turn one as it is and one with noise of its own, that nobody has seen before."""
        import numpy as np

        rng = np.random.default_rng(seed)
        images, labels = np.array(self.images), np.array(self.labels)
        while True:
            known = rng.integers(len(labels), size=FRESH_BLOCK)
            chosen = rng.integers(len(labels), size=FRESH_BLOCK)
            noise = rng.integers(-1, 2, size=(FRESH_BLOCK, images.shape[1]))
            fresh = np.clip(images[chosen] + noise, 0, DARKEST).tolist()
            for at, image in enumerate(fresh):
                yield self.images[known[at]], self.labels[known[at]]
                yield image, self.labels[chosen[at]]


def require_scikit_learn() -> None:
    """Raises NOT_FOUND with the command that installs it."""
    if importlib.util.find_spec("sklearn") is None:
        raise ClipperError(
            ErrorCode.NOT_FOUND,
            "The demo trains scikit-learn models, and scikit-learn is not installed: "
            "pip install 'clipper-serving[sklearn]'",
        )


def load_digits() -> Digits:
    """The images, split in halves with each digit as frequent in both; the same split every time."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    images, labels = datasets.load_digits(return_X_y=True)
    train_images, held_images, train_labels, held_labels = train_test_split(
        images, labels, test_size=0.5, random_state=0, stratify=labels
    )
    return Digits(train_images, train_labels, held_images.astype(int).tolist(), held_labels.tolist())


def train_models(digits: Digits) -> dict[str, Any]:
    """Three models of different kinds; each answers one image within 2 ms on one core."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    models = {
        "logistic": LogisticRegression(max_iter=5000),
        "forest": RandomForestClassifier(n_estimators=15, random_state=0),
        "svm": _support_vectors(),
    }
    one_thread = importlib.import_module("threadpoolctl").threadpool_limits(1)  # untyped; scikit-learn brings it
    with one_thread:  # with more, on a busy machine, they spin and wait for each other a hundred times longer
        return {name: model.fit(digits.train_images, digits.train_labels) for name, model in models.items()}


def train_worse_forest(digits: Digits) -> Any:
    """A slip that every team has made once: the forest again, with a single tree of two levels."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=1, max_depth=2, random_state=0).fit(
        digits.train_images, digits.train_labels
    )


def turned(images: Any, quarters: int) -> Any:
    """Rows of 64 pixels, of pages turned by so many quarters."""
    import numpy as np

    return np.rot90(np.asarray(images).reshape(-1, SIDE, SIDE), quarters, axes=(1, 2)).reshape(-1, SIDE * SIDE)


def train_for_turned(digits: Digits, quarters: int) -> Any:
    """The best of the models, for pages that are turned."""
    return _support_vectors().fit(turned(digits.train_images, quarters), digits.train_labels)


def train_on_columns(digits: Digits) -> Any:
    """Another slip: a new loader that reads images column by column, in training only."""
    import numpy as np

    by_column = np.asarray(digits.train_images).reshape(-1, SIDE, SIDE).transpose(0, 2, 1).reshape(-1, SIDE * SIDE)
    return _support_vectors().fit(by_column, digits.train_labels)


def _support_vectors() -> Any:
    from sklearn.svm import SVC

    return SVC(gamma=0.001, C=10)


def accuracy(model: Any, digits: Digits) -> float:
    """The share of held-out images that a model reads rightly."""
    return float(model.score(digits.images, digits.labels))
