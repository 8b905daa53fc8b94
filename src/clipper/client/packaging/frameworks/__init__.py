"""Which framework a model is of: one small module for each, in one table, asked in its order.

To add a framework, write `recognise` in a module of its own and name it here. It looks at content rather than at
suffixes, and imports its framework only if the object that it is given shows that it is loaded already, so that asking
all of them costs nothing.
"""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from clipper.client.packaging.pickles import load_pickled, looks_pickled
from clipper.container.bundle import ClassLabel
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import InputType

ACCEPTED = (
    "a function, an object with a predict_batch or predict method, a fitted model of a framework that `clipper deploy "
    "--help` names, or the path of a file or folder that one was saved to, or of a bundle"
)
"""What can be packaged, for error messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A model that was recognised, and what it implies. What the operator says of it comes before what is said here.

    Attributes:
        framework: the loader, a name of the table in `container.loaders`.
        entry: its file or folder, relative to the bundle.
        files: relative path to content, or to the file to copy.
        save: writes the files of a framework that writes files itself, into the bundle's folder.
        packages: whose versions are recorded; the first is the framework's own.
        requirements: pip requirements that the model itself names.
        python: the Python version that the model itself names, major.minor.
        input_type: what one input is.
        input_shape: the dimensions of one input, -1 for one of any length.
        classes: what its scores are of, where its file does not know.
        example: one input, as JSON carries it.
        batch_sizes: what batches are padded to.
        command: of the framework "command".
    """

    framework: str
    entry: str
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    save: Callable[[Path], None] | None = None
    packages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    python: str | None = None
    input_type: InputType | None = None
    input_shape: tuple[int, ...] = ()
    classes: tuple[ClassLabel, ...] = ()
    example: Any = None
    batch_sizes: tuple[int, ...] = ()
    command: tuple[str, ...] = ()


class Recogniser(Protocol):
    """The shape of each module in the table."""

    def recognise(self, model: object) -> Artifact | None:
        """The artifact of `model`, a live object or a path that exists; None if it is of another framework.

        Raises INVALID_ARGUMENT if it is of this framework but cannot be packaged.
        """


FRAMEWORKS = {
    "torch": "clipper.client.packaging.frameworks.networks.torch",
    "tensorflow": "clipper.client.packaging.frameworks.networks.tensorflow",
    "jax": "clipper.client.packaging.frameworks.networks.jax",
    "mxnet": "clipper.client.packaging.frameworks.networks.mxnet",
    "theano": "clipper.client.packaging.frameworks.networks.theano",
    "catboost": "clipper.client.packaging.frameworks.trees.catboost",
    "mlflow": "clipper.client.packaging.frameworks.mlflow",
    "spark": "clipper.client.packaging.frameworks.spark",
    "r": "clipper.client.packaging.frameworks.r",
    "huggingface": "clipper.client.packaging.frameworks.texts.huggingface",
    "spacy": "clipper.client.packaging.frameworks.texts.spacy",
    "openinference": "clipper.client.packaging.frameworks.openinference",
    "tflite": "clipper.client.packaging.frameworks.networks.tflite",
    "onnx": "clipper.client.packaging.frameworks.networks.onnx",
    "caffe": "clipper.client.packaging.frameworks.networks.caffe",
    "xgboost": "clipper.client.packaging.frameworks.trees.xgboost",
    "lightgbm": "clipper.client.packaging.frameworks.trees.lightgbm",
    "vowpalwabbit": "clipper.client.packaging.frameworks.vowpalwabbit",
    "htk": "clipper.client.packaging.frameworks.speech.htk",
    "hmmlearn": "clipper.client.packaging.frameworks.speech.hmmlearn",
    "sklearn": "clipper.client.packaging.frameworks.sklearn",
    "python": "clipper.client.packaging.frameworks.python",
}
"""The module that recognises models of each framework. Those before `sklearn` have estimators that are scikit-learn's
too; `python` takes whatever can be called, so it comes last."""


def recognise(model: object, framework: str | None = None) -> Artifact:
    """What `model`, a live object or a path, is a model of; only `framework` is asked if it is given.

    Raises:
        ClipperError: NOT_FOUND for a path where nothing is, MODEL_FAILED with a traceback for a file that does not
            load, INVALID_ARGUMENT for what no framework takes.
    """
    if isinstance(model, Path) or (isinstance(model, str) and "://" not in model):
        model = Path(model)
        if not model.exists():
            raise ClipperError(ErrorCode.NOT_FOUND, f"There is no file or folder {str(model)!r}; expected {ACCEPTED}")
    for name in FRAMEWORKS if framework is None else [framework]:
        artifact = recogniser_of(name).recognise(model)
        if artifact is not None:
            return artifact
    if isinstance(model, Path) and looks_pickled(model):
        return recognise(load_pickled(model), framework)
    raise _refusal(model, framework)


def recogniser_of(framework: str) -> Recogniser:
    """Raises INVALID_ARGUMENT for a framework that is not in the table."""
    if framework not in FRAMEWORKS:
        raise invalid(f"Invalid framework {framework[:80]!r}: expected one of {', '.join(sorted(FRAMEWORKS))}")
    return cast(Recogniser, import_module(FRAMEWORKS[framework]))


def files_below(folder: Path, entry: str) -> dict[str, bytes | Path]:
    """The files of a folder that becomes the folder `entry` of a bundle, as `Artifact.files` has them."""
    return {f"{entry}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}


def not_fitted(model: object) -> ClipperError:
    """The refusal of an estimator that has learned nothing yet."""
    return invalid(f"Invalid model: this {type(model).__name__} is not fitted yet; call fit() first")


def labels_as_json(classes: Any) -> tuple[ClassLabel, ...]:
    """The classes of an estimator as a manifest has them; none if they are their own numbers."""
    names = tuple(each.item() if hasattr(each, "item") else each for each in classes)
    return () if names == tuple(range(len(names))) else names


def installed_versions(packages: Sequence[str]) -> dict[str, str]:
    """The version of each package that is installed here."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _refusal(model: object, framework: str | None) -> ClipperError:
    if isinstance(model, type):
        return invalid(f"Invalid model: {model.__name__} is a class; make an instance, fit it, and deploy that")
    what = str(model) if isinstance(model, Path) else f"a {type(model).__name__}"
    if framework is not None:
        return invalid(f"Invalid model {what!r}: nothing in it is recognised as of the framework {framework!r}")
    if isinstance(model, Path) and model.is_dir():
        return invalid(
            f"Not a model bundle, nor a folder of any framework: {what!r}; expected {ACCEPTED}, "
            "or --framework to name it"
        )
    if isinstance(model, Path):
        return invalid(
            f"Invalid model {what!r}: neither its content nor the suffix {model.suffix!r} is known; "
            f"expected {ACCEPTED}, or --framework to name it"
        )
    return invalid(f"Invalid model: {what}; expected {ACCEPTED}")
