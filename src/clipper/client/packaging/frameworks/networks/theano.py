"""Theano: compiled functions, live or pickled."""

import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.closures import dump_function
from clipper.client.packaging.frameworks import Artifact
from clipper.client.packaging.pickles import looks_pickled
from clipper.core.inputs import InputType

PACKAGES = ("Theano", "numpy", "scipy")

_ENTRY = "compiled.pkl"
_HEAD_BYTES = 4096
_FUNCTIONS = b"theano.compile.function_module"


def recognise(model: object) -> Artifact | None:
    """What `theano.function` returned, or the file of its pickle, which need not be loaded here."""
    if isinstance(model, Path):
        return _artifact(model) if _is_pickled_function(model) else None
    theano: Any = sys.modules.get("theano")  # whoever has a function has imported it
    if theano is None or not isinstance(model, theano.compile.Function):
        return None
    return _artifact(dump_function(model))


def _is_pickled_function(path: Path) -> bool:
    if not looks_pickled(path):
        return False
    with path.open("rb") as stream:
        return _FUNCTIONS in stream.read(_HEAD_BYTES)


def _artifact(content: bytes | Path) -> Artifact:
    return Artifact(
        framework="theano",
        entry=_ENTRY,
        files={_ENTRY: content},
        packages=PACKAGES,
        input_type=InputType.FLOATS,
    )
