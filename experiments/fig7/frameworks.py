"""Five frameworks behind one application: what they say of handwritten digits together, and each alone."""

from typing import Any

import lightgbm
import numpy as np
import onnx
import vowpalwabbit
import xgboost
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.data import MNIST
from experiments.lib.finding import Finding, at_most, sheet
from experiments.lib.setting import Setting

ENSEMBLE = "majority"
KNOWN, QUICK_KNOWN = 8000, 1500
ASKED, QUICK_ASKED = 10_000, 500
AT_ONCE = 100  # images in a request
CLASSES = 10
TREES, DEPTH = 60, 6
HIDDEN, MOST_STEPS = 128, 200
HIDDEN_WABBITS, PASSES = 30, 4

Images = NDArray[np.float64]
Labels = NDArray[np.int64]


def run(setting: Setting) -> Finding:
    """All images shown to each framework's model alone, and to the five together."""
    images, labels, asked, truth = _digits(setting)
    setting.tell("frameworks: training five models")
    models = {
        "scikit-learn": KNeighborsClassifier().fit(images, labels),
        "xgboost": xgboost.XGBClassifier(n_estimators=TREES, max_depth=DEPTH).fit(images, labels),
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=TREES, verbose=-1).fit(images, labels),
        "onnx": _network(images, labels),
        "vowpalwabbit": _wabbit(images, labels),
    }
    with cluster() as running:
        running.deploy(models, "doubles", asked[0].tolist())
        for name in models:
            running.application(name, [name], "doubles")
        running.application(ENSEMBLE, list(models), "doubles", policy=ENSEMBLE)
        running.wait_for(ENSEMBLE, asked[0].tolist())
        wrong = {name: _said(running, name, asked) != truth for name in (*models, ENSEMBLE)}
    best = min(models, key=lambda name: wrong[name].mean())
    gain = statistics.difference(wrong[ENSEMBLE], wrong[best])
    claim = at_most("MNIST, five frameworks: the majority's error less the best one's", gain, 0.0)
    rows = [(name, statistics.share(int(each.sum()), len(each)).text()) for name, each in wrong.items()]
    return Finding("fig7", [claim], [sheet(f"MNIST, {len(truth):,} images, five frameworks", ("", "error"), rows)])


def _digits(setting: Setting) -> tuple[Images, Labels, Images, Labels]:
    """Images to learn from and their labels, images to ask about and theirs; pixels from 0 to 1."""
    known, asked = setting.choose(KNOWN, QUICK_KNOWN), setting.choose(ASKED, QUICK_ASKED)
    with np.load(setting.data.path(MNIST)) as file:
        chosen = np.random.default_rng(0).permutation(len(file["y_train"]))[:known]
        images, labels = file["x_train"][chosen], file["y_train"][chosen].astype(np.int64)
        shown, truth = file["x_test"][:asked], file["y_test"][:asked].astype(np.int64)
    return images.reshape(known, -1) / 255.0, labels, shown.reshape(asked, -1) / 255.0, truth


def _network(images: Images, labels: Labels) -> onnx.ModelProto:
    """A network of two layers as a graph that says the class."""
    learned = MLPClassifier((HIDDEN,), max_iter=MOST_STEPS, early_stopping=True, random_state=0).fit(images, labels)
    first, second = learned.coefs_
    weights = {"first": first, "second": second, "a": learned.intercepts_[0], "b": learned.intercepts_[1]}
    nodes = [
        helper.make_node("Gemm", ["image", "first", "a"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "second", "b"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["digit"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", images.shape[1]])],
        [helper.make_tensor_value_info("digit", TensorProto.INT64, ["batch"])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _wabbit(images: Images, labels: Labels) -> Any:
    """One small network against all others for each digit."""
    workspace = vowpalwabbit.Workspace(f"--oaa {CLASSES} --indexing 0 --nn {HIDDEN_WABBITS} --quiet")
    for _ in range(PASSES):
        for image, label in zip(images, labels, strict=True):
            workspace.learn(f"{label} | " + " ".join(f"{place}:{image[place]:.4f}" for place in np.flatnonzero(image)))
    return workspace


def _said(running: Cluster, name: str, asked: Images) -> Labels:
    application = running.client.application(name)
    found = [
        int(each.output)
        for start in range(0, len(asked), AT_ONCE)
        for each in application.predict_batch(asked[start : start + AT_ONCE])
    ]
    return np.array(found)
