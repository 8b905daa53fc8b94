"""Five kinds of models on images of digits, and five networks on CIFAR-10: what they answer, and what is right."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from benchmarks.bench import Bench
from benchmarks.selection.digit_models import fitted, mnist
from benchmarks.selection.streams import Labels

NETWORKS_FILE = "cifar10_preds.npz"  # names, pred and label of the 10,000 test images
NETWORKS = ("resnet20", "resnet32", "resnet56", "pretrainedResnet", "pretrainedResnet_large_float")
TRAIN, ASKED = 2000, 10_000


@dataclass(frozen=True)
class Answers:
    """What each model says (a column) of each image (a row)."""

    name: str
    models: tuple[str, ...]
    said: Labels
    labels: Labels

    def shuffled(self, seed: int) -> "Answers":
        """The images in another order."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return Answers(self.name, self.models, self.said[order], self.labels[order])


def networks(bench: Bench) -> Answers | None:
    """Trained networks on CIFAR-10's test images; None without the file."""
    path = bench.file(NETWORKS_FILE)
    if path is None:
        return None
    with np.load(path) as file:
        names = [str(name) for name in file["names"]]
        chosen = file["pred"][:, [names.index(name) for name in NETWORKS]]
        return Answers("CIFAR-10, five networks", NETWORKS, chosen.astype(np.int64), file["label"].astype(np.int64))


def digit_kinds(bench: Bench) -> Answers:
    """Five kinds of models, each trained on a few thousand digits (scikit-learn's, a few hundred, without MNIST)."""
    digits = mnist(bench)
    if digits is not None:
        images, labels, known, name = digits.images, digits.labels, TRAIN, "MNIST, five kinds of models"
    else:
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(labels))
        images, labels, known = images[order] / 16.0, labels[order].astype(np.int64), 300
        name = "scikit-learn's digits, five kinds of models"
    asked = images[known : known + ASKED]
    kinds = {
        "logistic regression": LogisticRegression(max_iter=100, C=0.1),
        "nearest neighbours": KNeighborsClassifier(3),
        "forest": RandomForestClassifier(30, random_state=0),
        "perceptron": MLPClassifier((64,), max_iter=60, random_state=0),
        "naive Bayes": GaussianNB(var_smoothing=0.05),
    }
    said = [fitted(model, images[:known], labels[:known]).predict(asked) for model in kinds.values()]
    return Answers(name, tuple(kinds), np.stack(said, axis=1).astype(np.int64), labels[known : known + ASKED])
