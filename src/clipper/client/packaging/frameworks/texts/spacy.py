"""spaCy's pipelines: live, or the folder that `to_disk` writes."""

import json
import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, files_below
from clipper.core.inputs import InputType

PACKAGES = ("spacy", "numpy")

_ENTRY = "pipeline"


def recognise(model: object) -> Artifact | None:
    """A live pipeline, or a saved one."""
    if isinstance(model, Path):
        return _artifact(files=files_below(model, _ENTRY)) if model.is_dir() and _is_saved(model) else None
    spacy = sys.modules.get("spacy")  # whoever has a pipeline has imported it
    if spacy is None or isinstance(model, type) or not isinstance(model, spacy.language.Language):
        return None
    return _artifact(save=lambda folder: model.to_disk(folder / _ENTRY))  # type: ignore[attr-defined]


def _is_saved(folder: Path) -> bool:
    try:
        return (folder / "config.cfg").is_file() and "spacy_version" in json.loads((folder / "meta.json").read_bytes())
    except (OSError, ValueError):
        return False


def _artifact(**fields: Any) -> Artifact:
    return Artifact(
        framework="spacy", entry=_ENTRY, packages=PACKAGES, input_type=InputType.STRINGS, example="", **fields
    )
