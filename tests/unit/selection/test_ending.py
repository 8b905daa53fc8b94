"""A split that is to end itself does so once the evidence is there, and once only."""

from typing import Any

import pytest

from clipper.core.errors import ClipperError
from clipper.selection.policies import keeps_states, policy_named
from clipper.selection.policy import State
from clipper.selection.routing.ending import ending_of
from clipper.selection.routing.ending import test_of as running_test

TEST = {"candidate": "new", "current": "old"}


def state(old: int, new: int, seen: int = 1000) -> State:
    return {"right": {"old": old, "new": new}, "seen": {"old": seen, "new": seen}}


def split(**config: Any) -> dict[str, Any]:
    return {"verdict": TEST, **config}


@pytest.mark.parametrize(
    ("learned", "winner"), [(state(700, 900), "new"), (state(900, 700), "old"), (state(800, 800), None)]
)
def test_winner_gets_the_traffic(learned: State, winner: str | None) -> None:
    ending = ending_of(split(weights={"old": 90, "new": 10, "other": 5}), learned)
    if winner is None:
        assert ending is None
        return
    assert ending is not None
    assert (ending.winner, ending.config["weights"]) == (winner, {winner: 100, "other": 5})
    assert ending.config["verdict"] == {**TEST, "decided": "promote" if winner == "new" else "roll_back"}
    assert policy_named("split", ending.config).weights({}, ("old", "new")) == {"old": 0.0, "new": 0.0, winner: 1.0}


def test_verdict_is_given_once() -> None:
    ending = ending_of(split(), state(700, 900))
    assert ending is not None
    assert ending.config["weights"] == {"new": 1.0}
    assert ending_of(ending.config, state(900, 100)) is None


def test_candidate_in_the_shadow_comes_out_of_it_or_goes() -> None:
    config = split(weights={"old": 1.0}, shadow=["new", "third"])
    for learned, winner in ((state(700, 900), "new"), (state(900, 700), "old")):
        ending = ending_of(config, learned)
        assert ending is not None
        assert (ending.config["weights"], ending.config["shadow"]) == ({winner: 1.0}, ["third"])


def test_margin_error_and_least_are_the_operators() -> None:
    close = state(800, 790)
    assert ending_of(split(), close) is None
    generous = ending_of({"verdict": {**TEST, "margin": 0.15}}, close)
    assert generous is not None
    assert generous.winner == "new"
    assert ending_of({"verdict": {**TEST, "least": 1001}}, state(700, 900)) is None
    assert ending_of(split(), state(70, 83, 100)) is None
    bold = ending_of({"verdict": {**TEST, "error": 0.9}}, state(40, 90, 100))
    assert bold is not None


def test_calibrated_split_and_models_nobody_knows() -> None:
    calibrated = split(calibrated=True)
    assert running_test(calibrated) is not None
    assert ending_of(calibrated, {"policy": state(700, 900), "bins": []}) is not None
    assert ending_of(split(), {"right": {}, "seen": {}}) is None
    assert ending_of({}, state(700, 900)) is None


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ({"candidate": "new"}, "required field `current`"),
        ({**TEST, "error": 0}, "field 'verdict.error'"),
        ({**TEST, "least": 0}, "field 'verdict.least'"),
        ({**TEST, "alpha": 1}, "unknown field `alpha`"),
        ({"candidate": "a", "current": "a"}, "candidate and current are the same"),
        ("new", "field 'verdict'"),
    ],
)
def test_wrong_test_is_refused(verdict: object, message: str) -> None:
    with pytest.raises(ClipperError) as caught:
        policy_named("split", {"verdict": verdict})
    assert message in caught.value.message


def test_new_test_counts_from_the_beginning() -> None:
    assert keeps_states(("split", {"weights": {"a": 1}}), ("split", {"weights": {"a": 2}}))
    assert not keeps_states(("split", {}), ("split", split()))
    assert not keeps_states(("split", {"verdict": {**TEST, "decided": "promote"}}), ("split", split()))
    assert not keeps_states(("split", {}), ("static", {}))
    assert keeps_states(("theirs", {"a": 1}), ("theirs", {"a": 1}))
    assert not keeps_states(("theirs", {"a": 1}), ("theirs", {"a": 2}))
