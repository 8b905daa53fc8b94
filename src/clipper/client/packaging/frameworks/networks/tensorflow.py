"""TensorFlow: SavedModel folders, Keras' files, and live Keras models, which are exported as SavedModels.

A SavedModel needs none of the code that made it, custom layers included, and answers faster than Keras does.
"""

import sys
import zipfile
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, files_below
from clipper.core.errors import invalid
from clipper.core.inputs import InputType

PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "numpy")

SAVED_MODEL = "saved_model"

_HDF5 = b"\x89HDF\r\n\x1a\n"


def recognise(model: object) -> Artifact | None:
    """A live Keras model, a SavedModel folder, or a .keras or Keras .h5 file."""
    if isinstance(model, Path):
        return _from_folder(model) if model.is_dir() else _from_file(model)
    keras = sys.modules.get("keras")  # whoever has a model has imported it
    if keras is None or isinstance(model, type) or not isinstance(model, keras.Model):
        return None
    return _from_keras(model)


def _from_folder(folder: Path) -> Artifact | None:
    if not (folder / "saved_model.pb").is_file():
        return None
    return Artifact(
        framework="tensorflow",
        entry=SAVED_MODEL,
        files=files_below(folder, SAVED_MODEL),
        packages=PACKAGES,
        input_type=InputType.FLOATS,
    )


def _from_file(path: Path) -> Artifact | None:
    suffix = _keras_suffix(path)
    if suffix is None:
        return None
    entry = f"model{suffix}"
    return Artifact(
        framework="tensorflow", entry=entry, files={entry: path}, packages=PACKAGES, input_type=InputType.FLOATS
    )


def _keras_suffix(path: Path) -> str | None:
    """The suffix that Keras loads such a file by; None if it is none of its own."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return ".keras" if {"config.json", "model.weights.h5"} <= set(archive.namelist()) else None
    with path.open("rb") as stream:
        if stream.read(len(_HDF5)) == _HDF5 and path.suffix in (".h5", ".hdf5", ".keras"):
            return ".h5"
    return ".keras" if path.suffix == ".keras" else None  # a damaged one: its loader says how


def _from_keras(model: Any) -> Artifact:
    if not model.built:
        raise invalid(f"Invalid model: this {type(model).__name__} has no weights yet; fit it, or call build()")
    shape = getattr(model, "input_shape", None)
    sizes = shape[1:] if isinstance(shape, tuple) else ()
    return Artifact(
        framework="tensorflow",
        entry=SAVED_MODEL,
        save=lambda folder: model.export(str(folder / SAVED_MODEL), verbose=False),
        packages=PACKAGES,
        input_type=InputType.FLOATS,
        input_shape=tuple(-1 if size is None else size for size in sizes),
    )
