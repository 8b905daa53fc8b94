from random import Random

from clipper.selection.policy import Answer, Feedback, Selection
from clipper.selection.routing.static import Static
from tests.contract.policy_world import Asked

QUERY = Asked()


def test_first_linked_model_answers() -> None:
    policy = Static({})
    state = policy.init(("b", "a"))
    selection = policy.select(state, ("b", "a"), QUERY, Random(0))
    assert selection == Selection(("b",), (1.0,))
    assert policy.combine(state, QUERY, selection, [b"5"]) == Answer(b"5", 1.0, (1.0,))
    assert policy.combine(state, QUERY, selection, [None]) is None


def test_feedback_counts_how_often_it_was_right() -> None:
    policy = Static({})
    state = policy.init(("m",))
    selection = policy.select(state, ("m",), QUERY, Random(0))
    for label, output in [(b"1", b"1"), (b"1", b"2"), (b"1", None), (b'"a"', b'"a"')]:
        state = policy.observe(state, QUERY, Feedback(label), selection, [output])
    assert state == {"right": {"m": 2}, "seen": {"m": 3}}
