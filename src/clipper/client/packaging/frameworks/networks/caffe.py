"""Caffe: a description (prototxt) with its weights (caffemodel) beside it, or the folder of both."""

import re
from pathlib import Path

from clipper.client.packaging.frameworks import Artifact
from clipper.core.errors import invalid
from clipper.core.inputs import InputType

PACKAGES = ("opencv-python-headless", "numpy")

_ENTRY = "deploy.prototxt"
_WEIGHTS = "model.caffemodel"
_LAYER = re.compile(r"\blayers?\s*\{[^}]*\btype\s*:")
_TRAINING = re.compile(r'\btype\s*:\s*"(?:Data|ImageData|HDF5Data|SoftmaxWithLoss)"')


def recognise(model: object) -> Artifact | None:
    """Any of the three paths. Raises INVALID_ARGUMENT if it is not clear which files belong together."""
    if not isinstance(model, Path):
        return None
    folder = model if model.is_dir() else model.parent
    is_ours = model.suffix in (".prototxt", ".caffemodel") or (model.is_dir() and any(model.glob("*.caffemodel")))
    if not is_ours:
        return None
    descriptions = [model] if model.suffix == ".prototxt" else _deployable(folder)
    weights = [model] if model.suffix == ".caffemodel" else sorted(folder.glob("*.caffemodel"))
    if len(descriptions) != 1 or len(weights) != 1:
        raise invalid(
            f"Invalid model {str(model)!r}: found {len(descriptions)} descriptions (*.prototxt, not for training) and "
            f"{len(weights)} files of weights (*.caffemodel); put one of each into a folder of their own"
        )
    return Artifact(
        framework="caffe",
        entry=_ENTRY,
        files={_ENTRY: descriptions[0], _WEIGHTS: weights[0]},
        packages=PACKAGES,
        input_type=InputType.FLOATS,
    )


def _deployable(folder: Path) -> list[Path]:
    """Descriptions of networks that answer: not those that train, nor the solver's."""
    found = []
    for path in sorted(folder.glob("*.prototxt")):
        text = path.read_text(errors="replace")
        if _LAYER.search(text) and not _TRAINING.search(text):
            found.append(path)
    return found
