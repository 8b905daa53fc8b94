"""spaCy's pipelines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_CLASSIFIERS = frozenset({"textcat", "textcat_multilabel"})


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """For each text its likeliest category, or what each has, where the pipeline classifies texts; else its entities,
    where it looks for them; else, and for output "raw", the whole document.

    Raises INVALID_ARGUMENT for scores of a pipeline that has none.
    """
    import spacy

    pipeline = spacy.load(folder / manifest.entry)
    answer = _answer(set(pipeline.pipe_names), manifest.output)

    def predict(texts: Any) -> list[Any]:
        return [answer(document) for document in pipeline.pipe(texts, batch_size=len(texts))]

    return LoadedModel(predict, example, native=pipeline)


def _answer(parts: set[str], output: str) -> Callable[[Any], Any]:
    if output == "raw":
        return lambda document: document.to_json()
    if parts & _CLASSIFIERS:
        if output == "scores":
            return lambda document: dict(document.cats)
        return lambda document: max(document.cats, key=document.cats.get)
    if output == "scores":
        raise invalid("Invalid output 'scores': the pipeline classifies no texts; expected 'labels' or 'raw'")
    if "ner" in parts:
        return _entities
    return lambda document: document.to_json()


def _entities(document: Any) -> list[dict[str, Any]]:
    return [
        {"text": each.text, "label": each.label_, "start": each.start_char, "end": each.end_char}
        for each in document.ents
    ]
