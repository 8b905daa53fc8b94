"""TensorFlow Lite's files."""

from pathlib import Path

from clipper.client.packaging.frameworks import Artifact
from clipper.core.inputs import InputType

PACKAGES = ("ai-edge-litert", "numpy")

_ENTRY = "model.tflite"
_IDENTIFIER = b"TFL3"


def recognise(model: object) -> Artifact | None:
    """A .tflite file, by its FlatBuffer identifier."""
    if not isinstance(model, Path) or not model.is_file():
        return None
    with model.open("rb") as stream:
        if stream.read(8)[4:] != _IDENTIFIER and model.suffix != ".tflite":
            return None
    return Artifact(
        framework="tflite", entry=_ENTRY, files={_ENTRY: model}, packages=PACKAGES, input_type=InputType.FLOATS
    )
