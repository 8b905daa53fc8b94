from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from clipper.selection.ensembles.majority import Majority
from clipper.selection.policy import Answer, Feedback, State
from tests.contract.policy_world import Asked

QUERY = Asked()
MODELS = ("a", "b", "c", "d")


def combine(state: State, *outputs: bytes | None) -> tuple[bytes, float] | None:
    policy = Majority({})
    selection = policy.select(state, MODELS[: len(outputs)], QUERY, Random(0))
    answer = policy.combine(state, QUERY, selection, outputs)
    return None if answer is None else answer[:2]


def fresh() -> State:
    return Majority({}).init(MODELS)


def after(*right: tuple[bytes | None, ...]) -> State:
    """The state once the label was `1` for each of these outputs."""
    policy = Majority({})
    state = fresh()
    for outputs in right:
        selection = policy.select(state, MODELS[: len(outputs)], QUERY, Random(0))
        state = policy.observe(state, QUERY, Feedback(b"1"), selection, outputs)
    return state


def test_every_model_is_asked() -> None:
    selection = Majority({}).select(fresh(), MODELS, QUERY, Random(0))
    assert selection == (MODELS, (1.0, 1.0, 1.0, 1.0), 0.0)


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        ((b"1",), (b"1", 1.0)),
        ((None,), None),
        ((b"1", b"2", b"2"), (b"2", pytest.approx(2 / 3))),
        ((b"1", None, b"1"), (b"1", pytest.approx(2 / 3))),
        ((None, None, b"7"), (b"7", pytest.approx(1 / 3))),
        ((b"1", b"1", b"2", b"2"), (b"1", 0.5)),
        ((b"2", b"1", b"1", b"2"), (b"2", 0.5)),
        ((None, None, None, None), None),
    ],
)
def test_most_frequent_output_wins_and_missing_models_lower_the_agreement(
    outputs: tuple[bytes | None, ...], answer: tuple[bytes, float] | None
) -> None:
    assert combine(fresh(), *outputs) == answer


def test_answer_says_who_contributed() -> None:
    policy = Majority({})
    selection = policy.select(fresh(), MODELS, QUERY, Random(0))
    answer = policy.combine(fresh(), QUERY, selection, [b"1", b"2", None, b"1"])
    assert answer == Answer(b"1", 0.5, (0.5, 0.0, 0.0, 0.5))


def test_tie_goes_to_the_side_with_the_most_accurate_member() -> None:
    state = after((b"0", b"0", b"0", b"1"), (b"0", b"1", b"0", b"1"))
    assert combine(state, b"x", b"x", b"y", b"y") == (b"y", 0.5)
    assert combine(state, b"x", b"y", b"x", b"y") == (b"y", 0.5)
    assert combine(state, b"x", b"y", b"x", b"z") == (b"x", 0.5)


def test_model_that_was_always_wrong_loses_to_one_without_feedback() -> None:
    state = after((b"0",), (b"0",))
    assert combine(state, b"x", b"y") == (b"y", 0.5)


def test_missing_output_counts_neither_for_nor_against() -> None:
    state = after((b"1", None), (b"0", None))
    assert combine(state, b"x", b"y") == (b"x", 0.5)
    assert state["seen"] == {"a": 2}
    assert state["right"] == {"a": 1}


@pytest.mark.parametrize(
    ("outputs", "decided"),
    [
        ((b"1", b"1", b"1", None), True),
        ((b"1", b"1", None, None), False),  # a tie is still possible
        ((b"1", b"1", b"2", None), False),
        ((b"1", b"1", None), True),
        ((None, None, b"1"), False),
        ((b"1", b"2", b"3"), True),
    ],
)
def test_answer_is_decided_once_the_missing_cannot_outvote_it(outputs: tuple[bytes | None, ...], decided: bool) -> None:
    policy = Majority({})
    selection = policy.select(fresh(), MODELS[: len(outputs)], QUERY, Random(0))
    assert policy.is_decided(fresh(), QUERY, selection, outputs) is decided


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.sampled_from([b"1", b"2", b"3"]), min_size=1, max_size=4))
def test_winner_has_the_most_votes(outputs: list[bytes | None]) -> None:
    answer = combine(fresh(), *outputs)
    arrived = [each for each in outputs if each is not None]
    if not arrived:
        assert answer is None
        return
    assert answer is not None
    if len(outputs) > 1:
        assert arrived.count(answer[0]) == max(map(arrived.count, arrived))
        assert answer[1] == pytest.approx(arrived.count(answer[0]) / len(outputs))
