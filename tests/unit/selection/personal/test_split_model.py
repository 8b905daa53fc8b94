"""Personal weights over shared features."""

from random import Random

import msgspec
import numpy as np
import pytest

from clipper.core.errors import ClipperError
from clipper.selection.personal.split_model import MAX_FEATURES, SplitModel
from clipper.selection.policy import Feedback, Selection, State
from tests.contract.policy_world import Asked

QUERY = Asked()
ONE = Selection(("f",), (1.0,))
TWO = Selection(("f", "g"), (1.0, 1.0))


def text(values: object) -> bytes:
    return msgspec.json.encode(values)


def answer(policy: SplitModel, state: State, selection: Selection, *outputs: bytes | None) -> tuple[float, float]:
    given = policy.combine(state, QUERY, selection, outputs)
    assert given is not None
    return msgspec.json.decode(given.output), given.confidence


def taught(policy: SplitModel, state: State, weights: list[float], count: int, seed: int = 0) -> State:
    rng = np.random.default_rng(seed)
    for row in rng.normal(size=(count, len(weights))):
        label = text(float(row @ weights))
        state = policy.observe(state, QUERY, Feedback(label), ONE, [text(row.tolist())])
    return state


def test_weights_are_learned_and_confidence_grows() -> None:
    policy = SplitModel({"precision": 0.01})
    state = policy.init(("f",))
    assert answer(policy, state, ONE, text([1.0, 2.0, 3.0])) == (0.0, 0.0)
    state = taught(policy, state, [1.0, -2.0, 0.5], 50)
    value, confidence = answer(policy, state, ONE, text([1.0, 2.0, 3.0]))
    assert value == pytest.approx(-1.5, abs=0.01)
    assert confidence > 0.99


def test_new_context_starts_from_the_population_and_makes_it_its_own() -> None:
    policy = SplitModel({})
    population = taught(policy, policy.init(("f",)), [1.0, 1.0], 200)
    own = policy.start(population)
    value, confidence = answer(policy, own, ONE, b"[1, 2]")
    assert value == pytest.approx(3.0, abs=0.1)
    assert confidence == pytest.approx(0.0, abs=1e-9)
    own = taught(policy, own, [1.0, -1.0], 60)
    assert answer(policy, own, ONE, b"[1, 2]")[0] == pytest.approx(-1.0, abs=0.1)


def test_single_numbers_are_averaged_until_feedback_says_otherwise() -> None:
    policy = SplitModel({})
    state = policy.init(("f", "g"))
    assert answer(policy, state, TWO, b"1", b"3") == (2.0, 0.0)
    for value in range(100):
        truth = float(value % 7)
        state = policy.observe(state, QUERY, Feedback(text(truth)), TWO, [text(truth), text(value % 3)])
    assert answer(policy, state, TWO, b"5", b"0")[0] == pytest.approx(5.0, abs=0.1)
    assert policy.weights(state, ("f", "g"))["f"] > 0.95


def test_missing_model_is_taken_as_it_says_on_average_and_confidence_falls() -> None:
    policy = SplitModel({})
    state = policy.init(("f", "g"))
    rng = np.random.default_rng(0)
    for first, second in rng.normal(10.0, 1.0, size=(300, 2)).tolist():
        state = policy.observe(state, QUERY, Feedback(text(first + second)), TWO, [text(first), text(second)])
    assert answer(policy, state, TWO, b"12", None)[0] == pytest.approx(22.0, abs=0.3)


def test_models_come_and_change_their_size() -> None:
    policy = SplitModel({})
    state = taught(policy, policy.init(("f",)), [1.0, 1.0], 100)
    state = policy.observe(state, QUERY, Feedback(b"3"), TWO, [b"[1, 2]", b"[1, 2, 3]"])
    assert [tuple(each) for each in state["layout"]] == [("f", 2), ("g", 3)]
    state = policy.observe(state, QUERY, Feedback(b"3"), ONE, [b"[1]"])
    assert len(state["layout"]) == 3


def test_label_has_to_be_a_number() -> None:
    policy = SplitModel({})
    with pytest.raises(ClipperError, match="label: the policy split_model learns from numbers"):
        policy.observe(policy.init(("f",)), QUERY, Feedback(b'"cat"'), ONE, [b"1"])


def test_too_many_features_are_ignored() -> None:
    policy = SplitModel({})
    state = policy.init(("f",))
    given = policy.combine(state, QUERY, ONE, [text([0.5] * MAX_FEATURES)])
    assert given is not None
    assert given.confidence == 0.0
    assert policy.observe(state, QUERY, Feedback(b"1"), ONE, [text([0.5] * MAX_FEATURES)])["layout"] == []


def test_top_k_are_the_best_and_uncertain_ones_get_their_chance() -> None:
    items = [[text([float(n), 0.0])] for n in range(10)]
    certain = SplitModel({"explore": 0.0})
    state = taught(certain, certain.init(("f",)), [1.0, 0.0], 200)
    assert certain.top_k(state, ONE, items, 3, Random(0)) == [9, 8, 7]
    curious = SplitModel({})
    chosen = {curious.top_k(curious.init(("f",)), ONE, items, 1, Random(seed))[0] for seed in range(20)}
    assert {0, 9} <= chosen
    assert {curious.top_k(state, ONE, items, 1, Random(seed))[0] for seed in range(20)} == {9}
