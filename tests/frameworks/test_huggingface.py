"""A Hugging Face pipeline, from its folder and live, against the pipeline's own answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.frameworks.bench import Bench, close

TOLERANCE = 1e-5
"""Of probabilities in 32 bits: in a batch shorter texts are padded."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("huggingface")


def raise_at_mark(model: Any, texts: Any) -> Any:
    if "mark" in texts:
        raise ValueError("the mark was found")
    return [each["label"] for each in model(texts)]


def test_scores_and_labels_are_the_pipelines(bench: Bench, answers: dict[str, Any]) -> None:
    scores = bench.deploy("scores", bench.folder / "reviews", output="scores")
    close(bench.outputs(scores, answers["texts"]), np.array(answers["scores"]), TOLERANCE)
    labels = bench.deploy("labels", bench.folder / "reviews")
    undecided = np.abs(np.array(answers["scores"])[:, 0] - 0.5) <= TOLERANCE
    found = np.array(bench.outputs(labels, answers["texts"]))
    assert (found[~undecided] == np.array(answers["labels"])[~undecided]).all()


def test_live_pipeline_is_served(bench: Bench) -> None:
    bench.link("huggingface-live")
    assert bench.outputs("huggingface-live", ["i loved it", "a dull and boring film"]) == ["praise", "blame"]


def test_text_that_makes_it_raise_fails_alone(bench: Bench) -> None:
    name = bench.deploy("raising", bench.folder / "reviews", function=raise_at_mark)
    first, bad, last = bench.predictions(name, ["i loved it", "mark", "a dull and boring film"])
    assert [first.output, last.output] == ["praise", "blame"]
    assert "the mark was found" in str(bad.default_explanation)


def test_model_for_another_task_is_refused_by_name(bench: Bench) -> None:
    assert "BertForQuestionAnswering" in bench.refusal(bench.folder / "questions").message


def test_damaged_weights_are_refused(bench: Bench) -> None:
    weights = bench.folder / "reviews" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    refusal = bench.refusal(bench.folder / "reviews")
    weights.write_bytes(content)
    assert "Loading pipeline failed" in refusal.message
