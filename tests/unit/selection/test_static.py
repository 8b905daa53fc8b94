from random import Random

from clipper.core.inputs import DType, Input
from clipper.selection.policy import Answer, Selection
from clipper.selection.static import Static

INPUT = Input(DType.FLOAT64, (1,), bytes(8))


def test_first_linked_model_answers() -> None:
    policy = Static()
    state = policy.init(("b", "a"), {})
    selection = policy.select(state, ("b", "a"), INPUT, Random(0))
    assert selection == Selection(("b",), (1.0,))
    assert policy.combine(state, selection, [b"5"]) == Answer(b"5", 1.0)
    assert policy.combine(state, selection, [None]) is None


def test_feedback_counts_how_often_it_was_right() -> None:
    policy = Static()
    state = policy.init(("m",), {})
    selection = policy.select(state, ("m",), INPUT, Random(0))
    for label, output in [(b"1", b"1"), (b"1", b"2"), (b"1", None), (b'"a"', b'"a"')]:
        state = policy.observe(state, INPUT, label, selection, [output])
    assert state == {"right": {"m": 2}, "seen": {"m": 3}}
