"""scikit-learn estimators and pipelines, saved with joblib or skops."""

import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

TRUSTED_PACKAGES = frozenset({"numpy", "scipy", "sklearn"})
"""skops itself leaves out some of their types, every tree among them, since damaged ones can crash the process: the
operator who deploys the model answers for that. Code of other packages is what one uses skops to keep out."""

_METHODS = {
    "labels": ("predict",),
    "scores": ("predict_proba", "decision_function", "predict"),
    "raw": ("decision_function", "predict_proba", "predict"),
}
"""The first of these that an estimator has gives each output: raw is the distance before it becomes a probability."""


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The estimator's `predict`, or what the output asks for and it has: see `_METHODS`.

    Raises INVALID_ARGUMENT if another version of scikit-learn saved it, or if the example does not fit it.
    """
    model = _read(folder / manifest.entry)
    _use_one_thread(model)
    methods = _METHODS[manifest.output]
    predict = next((getattr(model, name) for name in methods if hasattr(model, name)), None)
    if predict is None:
        raise invalid(
            f"The bundle holds a {type(model).__qualname__}, expected an estimator with {' or '.join(methods)}"
        )
    features = getattr(model, "n_features_in_", None)
    shape = (features,) if features is not None and manifest.input_type.dtype.is_numeric else ()
    return LoadedModel(_on_rows(predict), _example(model, manifest, example), shape, model)


def _read(path: Path) -> Any:
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return _read_skops(path) if path.suffix == ".skops" else _read_joblib(path)
        except InconsistentVersionWarning as warning:
            saved, here = warning.original_sklearn_version, warning.current_sklearn_version
            raise invalid(
                f"{warning.estimator_name} was saved by scikit-learn {saved} and this is scikit-learn {here}, which "
                f"may predict something else: add requirements=['scikit-learn=={saved}'], or save it again with {here}"
            ) from None


def _read_joblib(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _read_skops(path: Path) -> Any:
    skops = _skops()
    unknown = skops.get_untrusted_types(file=path)
    foreign = [name for name in unknown if name.partition(".")[0] not in TRUSTED_PACKAGES]
    if foreign:
        raise invalid(
            f"{path.name} holds types that are not trusted: {', '.join(foreign)}; if you do trust them, save the model "
            "with joblib"
        )
    return skops.load(path, trusted=unknown)


def _skops() -> Any:
    """`skops.io`, without its list of the estimators that it trusts by itself: what we trust are packages.

    Making that list imports all of scikit-learn, and pytest where that is installed: a fifth of a replica's start.
    """
    import sklearn.utils

    all_estimators = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = list  # which makes an empty one
    try:
        return import_module("skops.io")
    finally:
        sklearn.utils.all_estimators = all_estimators


def _on_rows(predict: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`predict` over inputs of any shape: estimators want one flat row for each input."""

    def predict_rows(inputs: Any) -> Any:
        if isinstance(inputs, np.ndarray) and inputs.ndim > 2:
            inputs = inputs.reshape(len(inputs), -1)
        return predict(inputs)

    return predict_rows


def _example(model: Any, manifest: Manifest, example: Input | None) -> Input | None:
    """An input of as many features as the estimator was fitted on, if it says so; it wins over no example at all."""
    dtype = manifest.input_type.dtype
    features = getattr(model, "n_features_in_", None)
    if features is None or not dtype.is_numeric:
        return example
    if example is None:
        return Input(dtype, (features,), bytes(features * dtype.item_size))
    given = len(example.payload) // dtype.item_size
    if given != features:
        raise invalid(f"The example has {given} numbers and the estimator was fitted on {features} features")
    return example


def _use_one_thread(model: Any) -> None:
    """Set `n_jobs` to 1 everywhere: a forest with more starts a thread pool for each call, and is slower by far."""
    for part in _parts(model):
        if vars(part).get("n_jobs") is not None:
            part.n_jobs = 1


def _parts(model: Any) -> Iterator[Any]:
    """Every estimator inside `model`, itself included, fitted ones too, wherever they are kept."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, np.ndarray) and part.dtype == object:
            waiting.extend(part.flat)
        elif _holds_estimators(part):
            yield part
            waiting.extend(vars(part).values())


def _holds_estimators(part: Any) -> bool:
    if isinstance(part, type) or not hasattr(part, "__dict__"):
        return False
    return hasattr(part, "get_params") or hasattr(part, "predict_proba")  # the second: a calibrated classifier's parts
