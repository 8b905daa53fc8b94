"""ONNX: a `ModelProto`, or the file of one."""

import sys
from pathlib import Path

from clipper.client.packaging.frameworks import Artifact
from clipper.core.inputs import InputType

PACKAGES = ("onnxruntime", "numpy")

_ENTRY = "model.onnx"
_HEAD_BYTES = 4096
_VERSION_FIELD = b"\x08"
_PRODUCERS = (b"pytorch", b"skl2onnx", b"tf2onnx", b"onnx", b"OnnxMLTools", b"keras2onnx", b"paddle")
"""What exporters write as the name of who made the file, in its first bytes."""


def recognise(model: object) -> Artifact | None:
    """A file, with the files of large weights beside it, or a live `ModelProto`."""
    if isinstance(model, Path):
        return _from_file(model)
    onnx = sys.modules.get("onnx")  # whoever has such an object has imported it
    if onnx is None or not isinstance(model, onnx.ModelProto):
        return None
    return _artifact({_ENTRY: model.SerializeToString()})


def _from_file(path: Path) -> Artifact | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if path.suffix != ".onnx" and not (head[:1] == _VERSION_FIELD and any(each in head for each in _PRODUCERS)):
        return None
    weights = {each.name: each for each in sorted(path.parent.glob(f"{path.name}*data")) if each != path}
    return _artifact({_ENTRY: path, **weights})


def _artifact(files: dict[str, bytes | Path]) -> Artifact:
    return Artifact(framework="onnx", entry=_ENTRY, files=files, packages=PACKAGES, input_type=InputType.FLOATS)
