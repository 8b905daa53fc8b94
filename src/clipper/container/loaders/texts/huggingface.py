"""Folders that `save_pretrained` of a Hugging Face pipeline wrote: a model and its tokenizer, for texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

TASKS = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "Model": "feature-extraction",
}
"""What a model is for, by how the name of its architecture ends."""


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The pipeline's answers to texts; a classifier's are labels, or the scores of all in the order of their ids.

    Raises INVALID_ARGUMENT for a task that is not in the table, or scores of one that has none.
    """
    import torch
    import transformers

    torch.set_num_threads(manifest.threads)
    path = folder / manifest.entry
    task = _task(path)
    pipeline = transformers.pipeline(task, model=str(path), device="cpu")
    if task == "text-classification":
        return LoadedModel(_classifier(pipeline, manifest.output), example, native=pipeline)
    if manifest.output == "scores":
        raise invalid(f"Invalid output 'scores': the pipeline is for {task}; expected 'labels' or 'raw'")
    return LoadedModel(_answers(pipeline), example, native=pipeline)


def _task(folder: Path) -> str:
    architectures = json.loads((folder / "config.json").read_bytes()).get("architectures") or [""]
    for ending, task in TASKS.items():
        if architectures[0].endswith(ending):
            return task
    raise invalid(
        f"The folder holds a {architectures[0]!r}; expected an architecture whose name ends with {', '.join(TASKS)}"
    )


def _classifier(pipeline: Any, output: str) -> Callable[[Any], Any]:
    labels = [name for _, name in sorted(pipeline.model.config.id2label.items())]

    def best(texts: Any) -> Any:
        return [each["label"] for each in pipeline(list(texts), batch_size=len(texts))]

    def scores(texts: Any) -> Any:
        rows = pipeline(list(texts), batch_size=len(texts), top_k=None)
        named = [{each["label"]: each["score"] for each in row} for row in rows]
        return [[row[label] for label in labels] for row in named]

    return {"labels": best, "scores": scores, "raw": _answers(pipeline)}[output]


def _answers(pipeline: Any) -> Callable[[Any], Any]:
    return lambda texts: pipeline(list(texts), batch_size=len(texts))
