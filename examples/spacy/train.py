"""Trains a classifier of texts with spaCy, with rules for names beside it: python train.py FOLDER."""

import sys
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.training import Example

TEXTS = {
    "the film was great fun": "praise",
    "a dull and boring film": "blame",
    "i loved it": "praise",
    "terrible acting , awful plot": "blame",
}


def train(steps: int = 20) -> Language:
    """A pipeline that tells praise from blame."""
    spacy.util.fix_random_seed(0)
    pipeline = spacy.blank("en")
    classifier = pipeline.add_pipe("textcat")
    for label in sorted(set(TEXTS.values())):
        classifier.add_label(label)  # type: ignore[attr-defined, unused-ignore]
    examples = [
        Example.from_dict(pipeline.make_doc(text), {"cats": {label: float(label == said) for label in TEXTS.values()}})
        for text, said in TEXTS.items()
    ]
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(steps):
        pipeline.update(examples, sgd=optimizer)
    return pipeline


def names() -> Language:
    """A pipeline that finds the names of two towns."""
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler", name="ner")
    patterns = [{"label": "TOWN", "pattern": town} for town in ("Berlin", "Oslo")]
    ruler.add_patterns(patterns)  # type: ignore[attr-defined, unused-ignore]
    return pipeline


def main(folder: Path) -> None:
    train().to_disk(folder / "reviews")
    names().to_disk(folder / "names")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
