"""Light frameworks: how the models of their examples are made, what to ask them, and what they answer themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from lightgbm import Booster
from numpy.typing import NDArray
from vowpalwabbit import Workspace

from examples.caffe import train as caffe
from examples.hmmlearn import train as hmmlearn
from examples.htk import train as htk
from examples.lightgbm import train as lightgbm
from examples.onnx import train as onnx
from examples.sklearn import train as sklearn
from examples.vowpalwabbit import train as vowpalwabbit
from examples.xgboost import train as xgboost

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        framework: which loader serves it.
        save: writes it into a folder; returns its path there.
        live: makes it, and returns the object itself; None: only files are deployed.
        inputs: that many random inputs.
        own: the framework's own answers to them, for each output that is compared.
        misfit: an input of a wrong shape; None: there is none.
        tolerance: of the scores; 0: to the last bit.
        input_type: what one input is.
    """

    framework: str
    save: Callable[[Path], Path]
    live: Callable[[], Any] | None
    inputs: Callable[[int], Any]
    own: Callable[[Path, Sequence[Any]], dict[str, list[Any]]]
    misfit: Any = (1.0, 2.0, 3.0)
    tolerance: float = 0.0
    input_type: str = "doubles"


@cache
def trained(module: Any) -> Any:
    """What an example trains: once for all tests, since it is always the same."""
    return module.train()


def saver(module: Any, name: str) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        module.main(folder)
        return folder / name

    return save


def rows(features: int, dtype: Any = np.float64, scale: float = 16.0) -> Callable[[int], Array]:
    def make(count: int) -> Array:
        values: Array = np.random.default_rng(5).uniform(0, scale, (count, features)).astype(dtype)
        return values

    return make


def utterances(count: int) -> list[list[list[float]]]:
    random = np.random.default_rng(6)
    return [hmmlearn.utterance(place % len(hmmlearn.WORDS), random).tolist() for place in range(count)]


def own_sklearn(_: Path, inputs: Any) -> dict[str, list[Any]]:
    model = trained(sklearn)
    return {"labels": model.predict(inputs).tolist(), "scores": model.predict_proba(inputs).tolist()}


def own_onnx(path: Path, inputs: Any) -> dict[str, list[Any]]:
    scores: Any = onnxruntime.InferenceSession(str(path)).run(None, {"image": inputs})[0]
    return {"labels": scores.argmax(axis=1).tolist(), "scores": scores.tolist()}


def own_xgboost(_: Path, inputs: Any) -> dict[str, list[Any]]:
    model = trained(xgboost)
    return {
        "labels": model.predict(inputs).tolist(),
        "scores": model.predict_proba(inputs).tolist(),
        "raw": model.predict(inputs, output_margin=True).tolist(),
    }


def own_lightgbm(path: Path, inputs: Any) -> dict[str, list[Any]]:
    scores: Any = Booster(model_file=path).predict(inputs)
    return {"labels": scores.argmax(axis=1).tolist(), "scores": scores.tolist()}


def own_vowpalwabbit(path: Path, inputs: Any) -> dict[str, list[Any]]:
    workspace = Workspace(f"-i {path} -t --quiet")
    return {"labels": [workspace.predict(each) for each in inputs]}


def own_caffe(path: Path, inputs: Any) -> dict[str, list[Any]]:
    """What the layers calculate, in NumPy; and OpenCV agrees with it."""
    (first, bias), (second, other_bias) = trained(caffe).values()
    logits = np.maximum(inputs @ first.T + bias, 0) @ second.T + other_bias
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    network: Any = cv2.dnn.readNetFromCaffe(str(path), str(path.with_suffix(".caffemodel")))
    network.setInput(inputs)
    scores = network.forward()
    np.testing.assert_allclose(scores, exponentials / exponentials.sum(axis=1, keepdims=True), atol=1e-5)
    return {"labels": scores.argmax(axis=1).tolist(), "scores": scores.tolist()}


def own_hmmlearn(_: Path, inputs: Any) -> dict[str, list[Any]]:
    models = trained(hmmlearn)
    scores = np.array([[model.score(np.array(each)) for model in models.values()] for each in inputs])
    return {"labels": [hmmlearn.WORDS[best] for best in scores.argmax(axis=1)], "scores": scores.tolist()}


def own_htk(_: Path, inputs: Any) -> dict[str, list[Any]]:
    """The best path's likelihood by hmmlearn, with the arcs that lead on in each state and out of the word."""
    stay, leave = np.log(1 - htk.LEAVING), np.log(htk.LEAVING)
    models = trained(hmmlearn)
    scores = np.array(
        [
            [model.decode(np.array(each))[0] + stay * (len(each) - 1) + leave for model in models.values()]
            for each in inputs
        ]
    )
    return {"labels": [hmmlearn.WORDS[best].upper() for best in scores.argmax(axis=1)], "scores": scores.tolist()}


def lines(count: int) -> list[str]:
    return [vowpalwabbit.line(each) for each in rows(vowpalwabbit.FEATURES, scale=1.0)(count)]


CASES = {
    case.framework: case
    for case in [
        Case("sklearn", saver(sklearn, "digits.skops"), sklearn.train, rows(sklearn.FEATURES), own_sklearn),
        Case(
            "onnx",
            saver(onnx, "network.onnx"),
            onnx.train,
            rows(onnx.FEATURES, np.float32, 1.0),
            own_onnx,
            tolerance=1e-6,
            input_type="floats",
        ),
        Case("xgboost", saver(xgboost, "digits.json"), xgboost.train, rows(xgboost.FEATURES), own_xgboost),
        Case("lightgbm", saver(lightgbm, "digits.txt"), lightgbm.train, rows(lightgbm.FEATURES), own_lightgbm),
        Case(
            "vowpalwabbit",
            saver(vowpalwabbit, "largest.vw"),
            vowpalwabbit.train,
            lines,
            own_vowpalwabbit,
            misfit=None,
            input_type="strings",
        ),
        Case(
            "caffe",
            saver(caffe, "network.prototxt"),
            None,
            rows(caffe.FEATURES, np.float32, 1.0),
            own_caffe,
            tolerance=1e-6,
            input_type="floats",
        ),
        Case("hmmlearn", saver(hmmlearn, "words.pkl"), hmmlearn.train, utterances, own_hmmlearn, tolerance=1e-9),
        Case("htk", saver(htk, "hmmdefs"), None, utterances, own_htk, tolerance=1e-6),
    ]
}
