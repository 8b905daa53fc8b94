"""What figures compute from what they were answered: batches at the objective, identifiers in hindsight."""

from pathlib import Path

import numpy as np
import pytest

from experiments.fig3.run import Curve
from experiments.fig8 import run as fig8
from experiments.fig10.languages import LETTERS, Heard, sentences
from experiments.lib.networks import drawn


def test_largest_batch_lies_on_the_line_through_its_neighbours() -> None:
    assert Curve("between", {1: 5.0, 16: 10.0, 64: 34.0}).largest() == pytest.approx(36.0)
    assert Curve("beyond", {1: 1.0, 16: 2.5, 64: 7.3}).largest() == pytest.approx(191.0)
    assert Curve("never", {1: 50.0, 2: 100.0}).largest() == 1.0


def test_identifiers_in_hindsight() -> None:
    """The first is the best of all, the second the best of the second language."""
    first, second = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    heard = Heard({}, {"a": first, "b": second})
    assert (heard.pooled == first).all()
    assert (heard.own == np.zeros((2, 2))).all()


def test_sentences_are_drawn_by_language_and_cut(tmp_path: Path) -> None:
    path = tmp_path / "sentences.txt"
    path.write_text("".join(f"{code}\t{code} {number} {'x' * 40}\n" for code in ("en", "am") for number in range(9)))
    found = sentences(path, 4)
    assert list(found) == ["am", "en"]
    assert all(len(texts) == len(set(texts)) == 4 for texts in found.values())
    assert {text[:2] for text in found["am"]} == {"am"}
    assert {len(text) for texts in found.values() for text in texts} == {LETTERS}


@pytest.mark.parametrize(("spare", "claimed"), [(0.82, True), (0.9, False)])
def test_beating_every_model_is_claimed_where_there_is_something_to_win(spare: float, claimed: bool) -> None:
    """Whoever knows when the best one fails errs on a tenth; so does, nearly, a second one as good as it."""
    errors = np.full((2, fig8.QUERIES), 0.1)
    answers = drawn((0.95, spare), 2000)
    alone = np.full_like(errors, 0.3)
    stream = fig8.Stream("s", answers, dict.fromkeys(fig8.POLICIES, errors), alone, errors)
    claims = {each.text: each for each in fig8._claims(stream)}
    assert claims["exp3, s: cumulative error less that of the best model, which fails"].holds
    assert ("exp3, s: cumulative error below that of every model alone" in claims) is claimed
