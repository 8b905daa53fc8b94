"""scikit-learn's estimators and pipelines: live, or in a file that joblib or skops has written.

Live ones are saved by skops, which runs no code when it loads, if it knows all that is in them; else by joblib.
"""

import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from clipper.client.packaging.closures import has_local_code
from clipper.client.packaging.frameworks import Artifact, not_fitted
from clipper.client.packaging.frameworks.python import artifact_of
from clipper.container.loaders.sklearn import TRUSTED_PACKAGES

PACKAGES = ("scikit-learn", "joblib", "numpy")


def recognise(model: object) -> Artifact | None:
    """An estimator that predicts, or a file of one."""
    if isinstance(model, Path):
        return _from_file(model)
    return _from_estimator(model) if _is_estimator(model) else None


def _from_file(path: Path) -> Artifact | None:
    if path.suffix == ".joblib" and path.is_file():
        return Artifact(framework="sklearn", entry="model.joblib", files={"model.joblib": path}, packages=PACKAGES)
    if _is_skops(path):
        return Artifact(
            framework="sklearn", entry="model.skops", files={"model.skops": path}, packages=(*PACKAGES, "skops")
        )
    return None


def _is_skops(path: Path) -> bool:
    if not path.is_file():
        return False
    if not zipfile.is_zipfile(path):
        return path.suffix == ".skops"  # a damaged one: its loader says how
    with zipfile.ZipFile(path) as archive:
        return "schema.json" in archive.namelist()


def _from_estimator(model: Any) -> Artifact:
    _check_fitted(model)
    features = getattr(model, "n_features_in_", None)
    shape = () if features is None else (int(features),)
    if has_local_code(model):
        return replace(artifact_of(model.predict), input_shape=shape)
    safe = _dump_skops(model)
    return Artifact(
        framework="sklearn",
        entry="model.joblib" if safe is None else "model.skops",
        files={"model.joblib": _dump_joblib(model)} if safe is None else {"model.skops": safe},
        packages=PACKAGES if safe is None else (*PACKAGES, "skops"),
        input_shape=shape,
    )


def _is_estimator(model: object) -> bool:
    sklearn = sys.modules.get("sklearn.base")  # whoever has an estimator has imported it
    if sklearn is None or isinstance(model, type):
        return False
    return isinstance(model, sklearn.BaseEstimator) and hasattr(model, "predict")


def _check_fitted(model: object) -> None:
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415 (only an estimator needs it)
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415 (only an estimator needs it)

    try:
        check_is_fitted(model)
    except NotFittedError:
        raise not_fitted(model) from None


def _dump_skops(model: object) -> bytes | None:
    """The model in the format that runs no code when it loads; None if skops is missing or cannot vouch for it."""
    try:
        from skops import io as skops_io  # noqa: PLC0415 (only an estimator needs it)
    except ImportError:
        return None
    try:
        content = bytes(skops_io.dumps(model))
        unknown = skops_io.get_untrusted_types(data=content)
    except Exception:  # it has no method for a part of the model, and says so in any of several ways
        return None
    return content if all(name.partition(".")[0] in TRUSTED_PACKAGES for name in unknown) else None


def _dump_joblib(model: object) -> bytes:
    import joblib  # noqa: PLC0415 (only an estimator needs it)

    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()
