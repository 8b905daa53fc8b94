"""Hugging Face's pipelines for texts: live, or the folder that `save_pretrained` writes."""

import json
import sys
from pathlib import Path
from typing import Any

from clipper.client.packaging.frameworks import Artifact, files_below
from clipper.core.inputs import InputType

PACKAGES = ("transformers", "tokenizers", "torch", "numpy")

_ENTRY = "pipeline"
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json")


def recognise(model: object) -> Artifact | None:
    """A live pipeline, or a folder with a model's configuration and its tokenizer."""
    if isinstance(model, Path):
        return _artifact(files=files_below(model, _ENTRY)) if model.is_dir() and _is_saved(model) else None
    transformers = sys.modules.get("transformers")  # whoever has a pipeline has imported it
    if transformers is None or isinstance(model, type) or not isinstance(model, transformers.Pipeline):
        return None
    return _artifact(save=lambda folder: model.save_pretrained(str(folder / _ENTRY)))  # type: ignore[attr-defined]


def _is_saved(folder: Path) -> bool:
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return False
    try:
        return "architectures" in json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return False


def _artifact(**fields: Any) -> Artifact:
    return Artifact(
        framework="huggingface", entry=_ENTRY, packages=PACKAGES, input_type=InputType.STRINGS, example="", **fields
    )
