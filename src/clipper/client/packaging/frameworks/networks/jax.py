"""JAX: functions exported by `jax.export`, live or serialised, and live jitted functions."""

import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.closures import dump_function
from clipper.client.packaging.frameworks import Artifact
from clipper.core.inputs import InputType

EXPORTED, FUNCTION = "model.jaxexp", "function.pkl"

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
"""A function is compiled for each size, which takes a tenth of a second or more: sizes in between are padded."""

_STABLEHLO = b"ML\xefR"
"""How the program inside of what `jax.export` serialises begins."""

_MAX_HEADER_BYTES = 4096


def recognise(model: object) -> Artifact | None:
    """An exported function or a jitted one, or the file of `Exported.serialize()`."""
    if isinstance(model, Path):
        return _artifact(EXPORTED, model) if _is_exported(model) else None
    jax = sys.modules.get("jax")  # whoever has such a function has imported it
    if jax is None or isinstance(model, type):
        return None
    export = sys.modules.get("jax.export")
    if export is not None and isinstance(model, export.Exported):
        return _artifact(EXPORTED, bytes(model.serialize()))
    if callable(model) and hasattr(model, "trace") and isinstance(model, type(jax.jit(_identity))):
        return _artifact(FUNCTION, dump_function(model), "cloudpickle")
    return None


def _identity(batch: Any) -> Any:
    return batch


def _is_exported(path: Path) -> bool:
    """Whether it is called as such, or is a FlatBuffer with a StableHLO program."""
    if not path.is_file():
        return False
    if path.suffix == ".jaxexp":
        return True
    with path.open("rb") as stream:
        root = int.from_bytes(stream.read(4), "little")
        return 4 <= root < _MAX_HEADER_BYTES and _STABLEHLO in stream.read(2 * _MAX_HEADER_BYTES)


def _artifact(entry: str, content: bytes | Path, *further_packages: str) -> Artifact:
    packages = ("jax", "jaxlib", "flatbuffers") if entry == EXPORTED else ("jax", "jaxlib")
    return Artifact(
        framework="jax",
        entry=entry,
        files={entry: content},
        packages=(*packages, "numpy", *further_packages),
        input_type=InputType.FLOATS,
        batch_sizes=BATCH_SIZES,
    )
