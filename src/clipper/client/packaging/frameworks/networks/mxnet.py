"""MXNet: live Gluon blocks, and the pair of files that `export` and `save_checkpoint` write."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact
from clipper.core.errors import invalid
from clipper.core.inputs import InputType

PACKAGES = ("mxnet", "numpy")

_PREFIX = "model"
_ENTRY = f"{_PREFIX}-symbol.json"
_PARAMETERS = f"{_PREFIX}-0000.params"
_SYMBOL_SUFFIX = "-symbol.json"
_EPOCH = re.compile(r"-\d{4}\.params$")


def recognise(model: object) -> Artifact | None:
    """A block that was hybridised and has seen data, either of the two files, or a folder with one such pair.

    Raises INVALID_ARGUMENT if it is not clear which files belong together, or the block cannot be exported yet.
    """
    if isinstance(model, Path):
        return _from_path(model)
    mxnet: Any = sys.modules.get("mxnet")  # whoever has a block has imported it
    if mxnet is None or isinstance(model, type) or not isinstance(model, mxnet.gluon.HybridBlock):
        return None
    if not getattr(model, "_cached_graph", ()):
        raise invalid("Invalid model: this block has no graph yet; call hybridize(), and then the block with a batch")
    return _artifact(save=lambda folder: model.export(str(folder / _PREFIX)))  # type: ignore[attr-defined]


def _from_path(path: Path) -> Artifact | None:
    is_parameters = path.is_file() and _EPOCH.search(path.name) is not None
    if path.is_dir():
        symbols = list(filter(_is_symbol, sorted(path.glob("*.json"))))
    else:
        symbol = path.with_name(_EPOCH.sub(_SYMBOL_SUFFIX, path.name)) if is_parameters else path
        symbols = [symbol] if _is_symbol(symbol) else []
    if not symbols:
        return None
    parameters = [path] if is_parameters else _parameters_of(symbols[0])
    if len(symbols) != 1 or len(parameters) != 1:
        raise invalid(
            f"Invalid model {str(path)!r}: found {len(symbols)} symbols (*{_SYMBOL_SUFFIX}) and {len(parameters)} "
            "files of parameters (*-0000.params) beside the first; name the file of parameters"
        )
    return _artifact(files={_ENTRY: symbols[0], _PARAMETERS: parameters[0]})


def _is_symbol(path: Path) -> bool:
    """Whether it is called as such, or is a graph of MXNet's in JSON."""
    if not path.is_file() or path.suffix != ".json":
        return False
    if path.name.endswith(_SYMBOL_SUFFIX):
        return True
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(document, dict) and {"nodes", "arg_nodes", "heads"} <= document.keys()


def _parameters_of(symbol: Path) -> list[Path]:
    """Of all epochs."""
    prefix = symbol.name.removesuffix(_SYMBOL_SUFFIX)
    return [each for each in sorted(symbol.parent.glob("*.params")) if _EPOCH.sub("", each.name) == prefix]


def _artifact(**written: Any) -> Artifact:
    return Artifact(framework="mxnet", entry=_ENTRY, packages=PACKAGES, input_type=InputType.FLOATS, **written)
