"""A split that ends itself: what becomes of it once its sequential test is decided.

The winner gets the loser's share of the traffic, on top of its own; neither stays in the shadow. The settings keep the
verdict, so that everybody sees it, and it is given once.
"""

from typing import Any, NamedTuple

from clipper.selection.configured import configured
from clipper.selection.evidence.verdict import Judgement, Tally, Verdict, judged
from clipper.selection.policy import State
from clipper.selection.routing.split import SplitSettings, VerdictSettings
from clipper.selection.scores import tally


class Ending(NamedTuple):
    """A verdict, who takes the traffic of whom, and the settings that follow from it."""

    judgement: Judgement
    winner: str
    loser: str
    config: dict[str, Any]


def test_of(config: dict[str, Any]) -> VerdictSettings | None:
    """The test that a split with these settings runs, if any."""
    own = {key: value for key, value in config.items() if key != "calibrated"}
    return configured(SplitSettings, own).verdict


def judgement_of(test: VerdictSettings, state: State) -> Judgement:
    """What the evidence says so far."""
    current = tally(state, test.current) or (0.0, 0.0)
    candidate = tally(state, test.candidate) or (0.0, 0.0)
    return judged(Tally(*current), Tally(*candidate), test.error, test.margin, test.least)


def ending_of(config: dict[str, Any], state: State) -> Ending | None:
    """How a split with these settings ends, by what was learned of all; None while it goes on, or if it has ended."""
    test = test_of(config)
    if test is None or test.decided:
        return None
    judgement = judgement_of(test, state)
    if judgement.verdict is Verdict.UNDECIDED:
        return None
    promoted = judgement.verdict is Verdict.PROMOTE
    winner, loser = (test.candidate, test.current) if promoted else (test.current, test.candidate)
    weights = dict(config.get("weights", {}))
    share = weights.pop(loser, 0.0) + weights.get(winner, 0.0)
    shadow = [model for model in config.get("shadow", []) if model not in (winner, loser)]
    decided = {**config["verdict"], "decided": judgement.verdict.value}
    after = {**config, "weights": {**weights, winner: share or 1.0}, "shadow": shadow, "verdict": decided}
    return Ending(judgement, winner, loser, after)
