"""The claims about answers, not about time, in small: through a real server."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.fig8 import run as fig8
from experiments.lib.cluster import cluster
from experiments.lib.conversation import ConversationError, Script, Turn, converse
from experiments.lib.networks import Recorded, drawn


def ignore(_: str) -> None:
    pass


def test_tracking_turns_away_from_the_best_model_when_it_breaks() -> None:
    answers = drawn((0.6, 0.9, 0.75), 1000)
    models = {f"m{n}": Recorded(answers.said[:, n], (300, 600) if n == 1 else (0, 0)) for n in range(3)}
    with cluster() as running:
        running.deploy(models, "integers", [0, 0])
        running.application("app", list(models), "integers", policy="tracking")
        running.wait_for("app", [0, 0])
        turns = [Turn(b'"input": [%d, %d]' % (n, n), b"%d" % answers.labels[n]) for n in range(600)]
        (replies,) = converse(running.port, [Script("app", turns)], ignore)
        with pytest.raises(ConversationError, match="nobody: 404"):
            converse(running.port, [Script("nobody", turns[:1])], ignore)
    wrong = np.array([int(reply.output) != answers.labels[n] for n, reply in enumerate(replies)])
    assert wrong[100:300].mean() < 0.2
    assert wrong[450:].mean() < 0.45  # broken, the best one errs on nine of ten
    assert all(reply.feedback_ms > 0 for reply in replies)


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
