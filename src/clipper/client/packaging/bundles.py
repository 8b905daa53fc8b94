"""From something that predicts to a bundle: recognises what it is given and writes the folder a container can load.

Runs on the operator's side only. What is unpickled here are the operator's own files.
"""

import importlib.metadata
import io
import pickle
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from clipper.client.packaging.closures import dump_function, has_local_code
from clipper.client.transport import to_json
from clipper.container.bundle import Manifest, bundle_files, read_manifest, write_bundle
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import InputType, parse_input_type

ACCEPTED = (
    "a function, a scikit-learn estimator, an object with a predict_batch or predict method, "
    "or the path of a .joblib, .skops or .pkl file or of a bundle folder"
)
"""What can be packaged, for error messages."""

SKLEARN_PACKAGES = ("scikit-learn", "joblib", "skops", "numpy")
PYTHON_PACKAGES = ("cloudpickle", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOptions:
    """What the operator says about a model. None or empty: what the model itself implies.

    Attributes:
        input_type: what one input is; "doubles" if nothing implies another.
        example: one input; a container answers it before it is called ready.
        requirements: pip requirements of an environment of its own; empty: the server's own environment.
        output: "labels" (what the model predicts) or "raw" (its scores).
        description: a line for people.
    """

    input_type: str | None = None
    example: object = None
    requirements: Sequence[str] = ()
    output: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Artifact:
    """What was recognised: the loader, its file, the packages whose versions matter, the length of an input."""

    framework: str
    entry: str
    content: bytes | Path
    packages: tuple[str, ...]
    features: int | None = None


def package(model: object, folder: Path, options: PackageOptions) -> Manifest:
    """Make `folder`, which must not exist, the bundle of `model`.

    Raises:
        ClipperError: INVALID_ARGUMENT if it is nothing that can be packaged or its example does not fit its input
            type, NOT_FOUND for a path where nothing is, MODEL_FAILED with a traceback for a file that does not load.
    """
    if isinstance(model, str | Path) and Path(model).is_dir():
        return _package_bundle(Path(model), folder, options)
    artifact = _recognise(model)
    manifest = Manifest(
        framework=artifact.framework,
        entry=artifact.entry,
        input_type=parse_input_type(options.input_type or InputType.DOUBLES),
        output=options.output or "labels",
        requirements=tuple(options.requirements),
        versions=_versions(artifact.packages),
        description=options.description,
    )
    manifest = replace(manifest, example=_example(options.example, manifest.input_type, artifact.features))
    write_bundle(folder, manifest, {artifact.entry: artifact.content})
    return manifest


def _package_bundle(source: Path, folder: Path, options: PackageOptions) -> Manifest:
    """A copy of a bundle, its manifest changed where the operator says so."""
    manifest = read_manifest(source)
    changes: dict[str, Any] = {}
    if options.input_type is not None:
        changes["input_type"] = parse_input_type(options.input_type)
    if options.example is not None:
        changes["example"] = _as_json(options.example)
    if options.requirements:
        changes["requirements"] = tuple(options.requirements)
    if options.output is not None:
        changes["output"] = options.output
    if options.description:
        changes["description"] = options.description
    manifest = replace(manifest, **changes)
    write_bundle(folder, manifest, dict(bundle_files(source)))
    return manifest


def _recognise(model: object) -> _Artifact:
    if isinstance(model, str | Path):
        return _from_file(Path(model))
    if isinstance(model, type):
        raise invalid(f"Invalid model: {model.__name__} is a class; make an instance, fit it, and deploy that")
    if _is_estimator(model):
        return _from_estimator(model)
    if callable(model) or callable(getattr(model, "predict_batch", None)):
        return _from_function(model)
    if callable(getattr(model, "predict", None)):
        return _from_function(model.predict)  # type: ignore[attr-defined]
    raise invalid(f"Invalid model: a {type(model).__name__}; expected {ACCEPTED}")


def _from_file(path: Path) -> _Artifact:
    if not path.exists():
        raise ClipperError(ErrorCode.NOT_FOUND, f"There is no file or folder {str(path)!r}; expected {ACCEPTED}")
    match path.suffix:
        case ".joblib" | ".skops":
            entry = f"model{path.suffix}"
            return _Artifact(framework="sklearn", entry=entry, content=path, packages=SKLEARN_PACKAGES)
        case ".pkl" | ".pickle":
            return _recognise(_load_pickle(path))
    raise invalid(f"Invalid model {str(path)!r}: the suffix {path.suffix!r} is not known; expected {ACCEPTED}")


def _from_estimator(model: object) -> _Artifact:
    _check_fitted(model)
    if has_local_code(model):
        return replace(_from_function(model.predict), features=_features_of(model))  # type: ignore[attr-defined]
    return _Artifact(
        framework="sklearn",
        entry="model.joblib",
        content=_dump_joblib(model),
        packages=SKLEARN_PACKAGES,
        features=_features_of(model),
    )


def _from_function(function: object) -> _Artifact:
    return _Artifact(
        framework="python", entry="function.pkl", content=dump_function(function), packages=PYTHON_PACKAGES
    )


def _example(given: object, input_type: InputType, features: int | None) -> Any:
    """One input as JSON: the operator's, else zeros where the model says how many it takes."""
    if given is not None:
        return _as_json(given)
    if features is None or input_type in (InputType.BYTES, InputType.STRINGS):
        return None
    return [0 if input_type is InputType.INTEGERS else 0.0] * features


def _as_json(example: object) -> Any:
    return msgspec.json.decode(to_json(example))


def _is_estimator(model: object) -> bool:
    sklearn = sys.modules.get("sklearn.base")  # whoever has an estimator has imported it
    return sklearn is not None and isinstance(model, sklearn.BaseEstimator) and hasattr(model, "predict")


def _check_fitted(model: object) -> None:
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415 (only an estimator needs it)
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415 (only an estimator needs it)

    try:
        check_is_fitted(model)
    except NotFittedError:
        raise invalid(f"Invalid model: this {type(model).__name__} is not fitted yet; call fit() first") from None


def _features_of(model: object) -> int | None:
    features = getattr(model, "n_features_in_", None)
    return None if features is None else int(features)


def _load_pickle(path: Path) -> object:
    """The object in a file of the operator; whatever loading it raises comes with its traceback."""
    try:
        with path.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301 (the operator's own file, on the operator's own machine)
    except Exception as error:
        message = f"Cannot load {str(path)!r}: {type(error).__name__}: {error}"
        raise ClipperError(ErrorCode.MODEL_FAILED, message, traceback.format_exc()) from error


def _dump_joblib(model: object) -> bytes:
    import joblib  # noqa: PLC0415 (only an estimator needs it)

    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


def _versions(packages: Sequence[str]) -> dict[str, str]:
    """The installed version of each package that is installed."""
    found = {}
    for package_name in packages:
        try:
            found[package_name] = importlib.metadata.version(package_name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
