"""What of a network's outputs is the answer."""

from typing import Any

import numpy as np
import pytest

from clipper.container.batches.scores import answers
from clipper.core.errors import ClipperError

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], np.float32)


def listed(found: Any) -> list[Any]:
    plain: list[Any] = found.tolist() if isinstance(found, np.ndarray) else found
    return plain


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (SCORES, [1, 0]),
        ({"probabilities": SCORES}, [1, 0]),
        ((SCORES,), [1, 0]),
        (np.array([[2.5], [3.5]]), [2.5, 3.5]),
        (np.array([2.5, 3.5]), [2.5, 3.5]),
        (np.array([[4], [7]]), [4, 7]),
        (np.array([[4, 5], [7, 8]]), [[4, 5], [7, 8]]),
        (np.array(["a", "b"]), ["a", "b"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_label_is_the_class_of_the_highest_score_or_what_was_predicted(outputs: Any, labels: list[Any]) -> None:
    assert listed(answers("labels", ())(outputs)) == labels


def test_classes_have_names_of_any_kind() -> None:
    assert listed(answers("labels", ("cat", 7, 1.5))(SCORES)) == [7, "cat"]


def test_names_that_do_not_fit_the_scores_are_refused() -> None:
    with pytest.raises(ClipperError, match="the model scores 3 classes and 2 are named"):
        answers("labels", ("cat", "dog"))(SCORES)


def test_scores_are_as_the_model_gave_them() -> None:
    assert answers("scores", ("cat", "dog", "cow"))({"probabilities": SCORES}) is SCORES


@pytest.mark.parametrize("output", ["labels", "scores"])
@pytest.mark.parametrize("outputs", [{"a": SCORES, "b": SCORES}, (SCORES, SCORES)])
def test_one_of_several_outputs_is_not_guessed(output: str, outputs: Any) -> None:
    with pytest.raises(ClipperError, match=r"several outputs \((a, b|2 of them)\): ask for output 'raw'"):
        answers(output, ())(outputs)


def test_all_of_several_outputs_come_back_for_each_input() -> None:
    raw = answers("raw", ())
    assert raw({"a": np.array([1, 2]), "b": np.array(["x", "y"])}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert raw((np.array([1, 2]), np.array([[3], [4]]))) == [[1, [3]], [2, [4]]]
    assert raw({"a": SCORES}) is SCORES
