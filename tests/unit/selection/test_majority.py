from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from clipper.core.inputs import DType, Input
from clipper.selection.majority import Majority
from clipper.selection.policy import Answer, State

INPUT = Input(DType.FLOAT64, (1,), bytes(8))
MODELS = ("a", "b", "c", "d")


def combine(state: State, *outputs: bytes | None) -> Answer | None:
    policy = Majority()
    return policy.combine(state, policy.select(state, MODELS[: len(outputs)], INPUT, Random(0)), outputs)


def fresh() -> State:
    return Majority().init(MODELS, {})


def after(*right: tuple[bytes | None, ...]) -> State:
    """The state once the label was `1` for each of these outputs."""
    policy = Majority()
    state = fresh()
    for outputs in right:
        selection = policy.select(state, MODELS[: len(outputs)], INPUT, Random(0))
        state = policy.observe(state, INPUT, b"1", selection, outputs)
    return state


def test_every_model_is_asked() -> None:
    selection = Majority().select(fresh(), MODELS, INPUT, Random(0))
    assert selection == (MODELS, (1.0, 1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        ((b"1",), Answer(b"1", 1.0)),
        ((None,), None),
        ((b"1", b"2", b"2"), Answer(b"2", 2 / 3)),
        ((b"1", None, b"1"), Answer(b"1", 2 / 3)),
        ((None, None, b"7"), Answer(b"7", 1 / 3)),
        ((b"1", b"1", b"2", b"2"), Answer(b"1", 0.5)),
        ((b"2", b"1", b"1", b"2"), Answer(b"2", 0.5)),
        ((None, None, None, None), None),
    ],
)
def test_most_frequent_output_wins_and_missing_models_lower_the_agreement(
    outputs: tuple[bytes | None, ...], answer: Answer | None
) -> None:
    assert combine(fresh(), *outputs) == answer


def test_tie_goes_to_the_side_with_the_most_accurate_member() -> None:
    state = after((b"0", b"0", b"0", b"1"), (b"0", b"1", b"0", b"1"))
    assert combine(state, b"x", b"x", b"y", b"y") == Answer(b"y", 0.5)
    assert combine(state, b"x", b"y", b"x", b"y") == Answer(b"y", 0.5)
    assert combine(state, b"x", b"y", b"x", b"z") == Answer(b"x", 0.5)


def test_model_that_was_always_wrong_loses_to_one_without_feedback() -> None:
    state = after((b"0",), (b"0",))
    assert combine(state, b"x", b"y") == Answer(b"y", 0.5)


def test_missing_output_counts_neither_for_nor_against() -> None:
    state = after((b"1", None), (b"0", None))
    assert combine(state, b"x", b"y") == Answer(b"x", 0.5)
    assert state["seen"] == {"a": 2}
    assert state["right"] == {"a": 1}


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
        assert arrived.count(answer.output) == max(map(arrived.count, arrived))
        assert answer.confidence == arrived.count(answer.output) / len(outputs)
