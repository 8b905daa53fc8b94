"""spaCy's pipelines, from a folder and live, against spaCy's own answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-6
"""Of probabilities in 32 bits: a matrix product's sums are taken in another order for another batch size."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("spacy")


def raise_at_mark(model: Any, texts: Any) -> Any:
    if "mark" in texts:
        raise ValueError("the mark was found")
    return [len(model(text)) for text in texts]


def test_categories_are_spacys(bench: Bench, answers: dict[str, Any]) -> None:
    scores = bench.deploy("scores", bench.folder / "reviews", output="scores")
    expected = np.array([[each["blame"], each["praise"]] for each in answers["scores"]])
    found = bench.outputs(scores, answers["texts"])
    close([[each["blame"], each["praise"]] for each in found], expected, TOLERANCE)
    labels = bench.deploy("labels", bench.folder / "reviews")
    undecided = np.abs(expected[:, 0] - 0.5) <= TOLERANCE
    said = np.array(bench.outputs(labels, answers["texts"])) == "praise"
    assert (said == (expected[:, 1] > 0.5))[~undecided].all()


def test_live_pipeline_answers_the_names_it_finds(bench: Bench) -> None:
    bench.link("spacy-live")
    assert bench.outputs("spacy-live", ["from Oslo to Berlin", "home"]) == [
        [
            {"text": "Oslo", "label": "TOWN", "start": 5, "end": 9},
            {"text": "Berlin", "label": "TOWN", "start": 13, "end": 19},
        ],
        [],
    ]


def test_whole_documents_are_raw_output(bench: Bench) -> None:
    name = bench.deploy("raw", bench.folder / "reviews", output="raw")
    (document,) = bench.outputs(name, ["i loved it"])
    assert [document["text"], len(document["tokens"])] == ["i loved it", 3]


def test_text_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    name = bench.deploy("raising", bench.folder / "reviews", function=raise_at_mark)
    first, bad, last = bench.predictions(name, ["i loved it", "mark", "a dull and boring film"])
    assert [first.output, last.output] == [3, 5]
    assert "the mark was found" in str(bad.default_explanation)


def test_damaged_folder_is_refused(bench: Bench) -> None:
    weights = bench.folder / "reviews" / "textcat" / "model"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    refusal = bench.refusal(bench.folder / "reviews")
    weights.write_bytes(content)
    assert "Loading pipeline failed" in refusal.message
