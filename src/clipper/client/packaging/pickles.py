"""Files of pickled objects: the operator's own, loaded on the operator's own machine."""

import pickle
import traceback
from pathlib import Path
from typing import Any

from clipper.core.errors import ClipperError, ErrorCode

_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib"})
_PICKLE = b"\x80"
_NEWEST_PROTOCOL = 5


def looks_pickled(path: Path) -> bool:
    """Whether a file begins as pickles of protocol 2 and later do, or is called as pickles and joblib's files are."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        first = stream.read(2)
    return path.suffix in _SUFFIXES or (first[:1] == _PICKLE and len(first) == 2 and first[1] <= _NEWEST_PROTOCOL)


def load_pickled(path: Path) -> Any:
    """The object in a file of the operator; MODEL_FAILED with the traceback of whatever loading it raises."""
    try:
        return _load(path)
    except Exception as error:
        message = f"Cannot load {str(path)!r}: {type(error).__name__}: {error}"
        raise ClipperError(ErrorCode.MODEL_FAILED, message, traceback.format_exc()) from error


def _load(path: Path) -> Any:
    if path.suffix == ".joblib":
        import joblib  # noqa: PLC0415 (whoever has such a file has it)

        return joblib.load(path)
    with path.open("rb") as stream:
        return pickle.load(stream)  # noqa: S301 (the operator's own file, on the operator's own machine)
