"""The models behind the cases: trained here, small, all of them with 784 doubles in and one label out."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from benchmarks.layer.digits import Digits, Rows

NOOP, LINEAR, LOGISTIC, FOREST, KERNEL, CONVNET = (
    "no-op",
    "linear SVM",
    "log. regression",
    "forest",
    "kernel SVM",
    "convnet",
)
SCIKIT_LEARN = (LINEAR, LOGISTIC, FOREST, KERNEL)
SMALL_KERNEL = "small kernel SVM"
ALL = (NOOP, *SCIKIT_LEARN, CONVNET)

TREES, DEPTH = 50, 16


class Estimator(Protocol):
    """A trained scikit-learn classifier."""

    def predict(self, rows: Rows) -> NDArray[Any]: ...


class NoOp:
    """Answers a constant, for any input."""

    def predict_batch(self, inputs: Any) -> list[int]:
        return [0] * len(inputs)


class Onnx:
    """A graph in ONNX Runtime, on one thread, whose session lives in the container."""

    def __init__(self, graph: bytes) -> None:
        self.graph = graph
        self.session: Any = None

    def predict_batch(self, inputs: Any) -> Any:
        import onnxruntime

        if self.session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
        return self.session.run(None, {"x": inputs.astype("float32")})[0]


class Sleeper:
    """Takes its time for a batch of any size, without using a processor: an accelerator, seen from here."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def predict_batch(self, inputs: Any) -> list[int]:
        import time

        time.sleep(self.seconds)
        return [0] * len(inputs)


class Slowable:
    """An estimator that computes every batch three times over while a file exists: a noisy neighbour."""

    def __init__(self, estimator: Estimator, flag: str) -> None:
        self.estimator = estimator
        self.flag = flag

    def predict_batch(self, inputs: Any) -> Any:
        import os

        for _ in range(2 if os.path.exists(self.flag) else 0):  # noqa: PTH110 (a microsecond less)
            self.estimator.predict(inputs)
        return self.estimator.predict(inputs)


@dataclass(frozen=True)
class Recipe:
    """How a scikit-learn model is made: the estimator, and how many images it learns from."""

    make: Callable[[], Any]
    images: int


RECIPES = {
    LINEAR: Recipe(lambda: LinearSVC(max_iter=50, tol=0.01), 4000),
    LOGISTIC: Recipe(lambda: LogisticRegression(max_iter=30, tol=0.01), 4000),
    FOREST: Recipe(lambda: RandomForestClassifier(TREES, max_depth=DEPTH, random_state=0, n_jobs=1), 10_000),
    KERNEL: Recipe(lambda: SVC(kernel="rbf", gamma="scale"), 5000),
    SMALL_KERNEL: Recipe(lambda: SVC(kernel="rbf", gamma="scale"), 500),
}


def train(name: str, digits: Digits) -> Estimator:
    """One of RECIPES; the slowest needs a few seconds."""
    recipe = RECIPES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is measured is time
        estimator: Estimator = recipe.make().fit(digits.train[: recipe.images], digits.labels[: recipe.images])
    return estimator


def accuracy(estimator: Estimator, digits: Digits) -> float:
    """On images it has learned from: only to see that it works."""
    return float(np.mean(estimator.predict(digits.train[:500]) == digits.labels[:500]))
