"""The claims about answers, not about time, in small: through a real server."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from experiments.fig8 import run as fig8
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.conversation import ConversationError, Script, Turn, converse
from experiments.lib.networks import Recorded, drawn


def ignore(_: str) -> None:
    pass


DRAWN = drawn((0.6, 0.9, 0.75), 600)
KINDS = np.arange(200) % 10  # images from 600 on: the first model is right for some users, the second for the others
EVEN = np.arange(10) % 2  # images from 800 on: two models agree, the third does on every other


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    """A server for all, with three models: starting them takes longer than asking them."""
    further = [(KINDS, EVEN * 0), ((KINDS + 1) % 10, EVEN * 0), (KINDS, EVEN)]
    models = {
        f"m{n}": Recorded(np.concatenate([DRAWN.said[:, n], *more]), (300, 600) if n == 1 else (0, 0))
        for n, more in enumerate(further)
    }
    with cluster() as made:
        made.deploy(models, "integers", [0, 0])
        yield made


def asked(images: Sequence[int], context: str = "", labels: Sequence[int | None] = ()) -> list[Turn]:
    """Queries about images, and what is told about each, if anything is."""
    whose = b', "context": "%b"' % context.encode() if context else b""
    told = [None if label is None else b"%d" % label for label in labels or [None] * len(images)]
    return [Turn(b'"input": [%d, %d]%b' % (n, n, whose), label) for n, label in zip(images, told, strict=True)]


def test_tracking_turns_away_from_the_best_model_when_it_breaks(running: Cluster) -> None:
    running.application("app", ["m0", "m1", "m2"], "integers", policy="tracking")
    running.wait_for("app", [0, 0])
    turns = asked(range(600), labels=DRAWN.labels.tolist())
    (replies,) = converse(running.port, [Script("app", turns)], ignore)
    with pytest.raises(ConversationError, match="nobody: 404"):
        converse(running.port, [Script("nobody", turns[:1])], ignore)
    wrong = np.array([int(reply.output) != DRAWN.labels[n] for n, reply in enumerate(replies)])
    assert wrong[100:300].mean() < 0.2
    assert wrong[450:].mean() < 0.45  # broken, the best one errs on nine of ten
    assert all(reply.feedback_ms > 0 for reply in replies)


def test_a_state_of_ones_own_learns_which_model_is_right_for_whom(running: Cluster) -> None:
    """Two kinds of users, of whom the models of the other kind are always wrong."""
    running.application("users", ["m0", "m1"], "integers", policy="jury")
    running.wait_for("users", [600, 0])
    truth = [[(n + user % 2) % 10 for n in range(12)] for user in range(8)]
    scripts = [Script("users", asked(range(600, 612), f"u{user}", labels)) for user, labels in enumerate(truth)]
    said = [[int(reply.output) for reply in each] for each in converse(running.port, scripts, ignore)]
    wrong = np.array(said) != np.array(truth)
    assert wrong[:, 6:].mean() <= 0.05
    assert wrong[:, :6].mean() < 0.5


def test_below_the_threshold_of_agreement_the_default_is_answered(running: Cluster) -> None:
    models = ["m0", "m1", "m2"]
    running.application("sure", models, "integers", policy="majority", confidence_threshold=0.9)
    (replies,) = converse(running.port, [Script("sure", asked(range(800, 810)))], ignore)
    assert [reply.default for reply in replies] == [bool(n % 2) for n in range(10)]


def test_recovery_is_counted_from_the_change() -> None:
    answers = drawn(fig8.ACCURACIES, 100)
    floor = np.zeros((2, fig8.QUERIES))
    errors = floor.copy()
    errors[:, fig8.BREAKS : fig8.BREAKS + 700] = 1.0
    stream = fig8.Stream("s", answers, {"p": errors}, floor, floor)
    assert 680 <= stream.recovery("p", fig8.BREAKS) <= 700
    assert stream.recovery("p", fig8.WORKS_AGAIN) == 0
    never = replace(stream, errors={"p": np.ones((2, fig8.QUERIES))})
    assert never.recovery("p", fig8.BREAKS) == fig8.QUERIES
