"""Vowpal Wabbit: a live workspace, or the file that `--final_regressor` or `save` wrote."""

import re
import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact
from clipper.core.inputs import InputType

PACKAGES = ("vowpalwabbit", "numpy")

_ENTRY = "model.vw"
_BEGINNING = re.compile(rb"[\x05-\x20]\x00\x00\x00\d+\.\d+\.\d+\x00")
"""The version that wrote it, a text with its length before it."""


def recognise(model: object) -> Artifact | None:
    """A workspace that has learned, or a file of one."""
    if isinstance(model, Path):
        return _artifact(files={_ENTRY: model}) if _is_regressor(model) else None
    vowpalwabbit: Any = sys.modules.get("vowpalwabbit")  # whoever has a workspace has imported it
    if vowpalwabbit is None or not isinstance(model, vowpalwabbit.Workspace):
        return None
    workspace: Any = model
    return _artifact(save=lambda folder: workspace.save(str(folder / _ENTRY)))


def _is_regressor(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return bool(_BEGINNING.match(stream.read(40))) or path.suffix == ".vw"


def _artifact(**written: Any) -> Artifact:
    return Artifact(framework="vowpalwabbit", entry=_ENTRY, packages=PACKAGES, input_type=InputType.STRINGS, **written)
