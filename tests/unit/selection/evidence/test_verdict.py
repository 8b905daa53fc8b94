"""A split ends when the evidence is there, however often it is looked at."""

import numpy as np
import pytest

from clipper.selection.evidence.verdict import Judgement, Tally, Verdict, judged, radius


def first_verdict(current: float, candidate: float, seed: int, margin: float = 0.0, rounds: int = 4000) -> Verdict:
    """Looked at after every pair of feedbacks, stopped at the first verdict."""
    rng = np.random.default_rng(seed)
    ours = np.cumsum(rng.random(rounds) < current)
    theirs = np.cumsum(rng.random(rounds) < candidate)
    for count in range(1, rounds + 1):
        verdict = judged(Tally(ours[count - 1], count), Tally(theirs[count - 1], count), margin=margin).verdict
        if verdict is not Verdict.UNDECIDED:
            return verdict
    return Verdict.UNDECIDED


def test_equal_models_are_rarely_told_apart_although_every_feedback_is_looked_at() -> None:
    verdicts = [first_verdict(0.8, 0.8, seed, rounds=2000) for seed in range(60)]
    assert sum(verdict is not Verdict.UNDECIDED for verdict in verdicts) <= 3


@pytest.mark.parametrize(
    ("candidate", "margin", "verdict"),
    [(0.9, 0.0, Verdict.PROMOTE), (0.7, 0.0, Verdict.ROLL_BACK), (0.8, 0.1, Verdict.PROMOTE)],
)
def test_difference_is_found(candidate: float, margin: float, verdict: Verdict) -> None:
    assert [first_verdict(0.8, candidate, seed, margin) for seed in range(10)] == [verdict] * 10


def test_few_feedbacks_decide_nothing() -> None:
    assert judged(Tally(0, 29), Tally(10_000, 10_000)).verdict is Verdict.UNDECIDED
    assert judged(Tally(0, 0), Tally(0, 0)) == Judgement(Verdict.UNDECIDED, -1.0, 1.0)


def test_interval_narrows_with_evidence_and_with_less_certainty() -> None:
    widths = [radius(count, 0.05) for count in (1, 10, 100, 1000, 10_000, 100_000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 1.0
    assert 0.0098 < widths[4] < 0.02  # a test of that fixed length would have 0.0098
    assert radius(1000, 0.2) < radius(1000, 0.01)


def test_interval_holds_at_all_times_at_once() -> None:
    rng = np.random.default_rng(0)
    counts = np.arange(1, 2001)
    radii = np.array([radius(float(count), 0.1) for count in counts])
    means = np.cumsum(rng.random((300, 2000)) < 0.5, axis=1) / counts
    assert np.mean(np.any(np.abs(means - 0.5) > radii, axis=1)) <= 0.1
