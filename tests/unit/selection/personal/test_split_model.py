"""Personal weights over shared features."""

from random import Random
from statistics import NormalDist

import msgspec
import numpy as np
import pytest

from clipper.core.errors import ClipperError
from clipper.selection.personal import ridge
from clipper.selection.personal.split_model import MAX_FEATURES, SplitModel
from clipper.selection.policy import Feedback, Item, Selection, State
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


def best(policy: SplitModel, state: State, items: list[Item], seed: int = 0) -> list[int]:
    return [place for place, _ in policy.rank_items(state, items, Random(seed))]


def item(*outputs: bytes | None, selection: Selection = ONE) -> Item:
    return Item(QUERY, selection, outputs)


def test_items_are_ranked_and_uncertain_ones_get_their_chance() -> None:
    items = [item(text([float(n), 0.0])) for n in range(10)]
    certain = SplitModel({"explore": 0.0})
    state = taught(certain, certain.init(("f",)), [1.0, 0.0], 200)
    assert best(certain, state, items) == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    curious = SplitModel({})
    chosen = {best(curious, curious.init(("f",)), items, seed)[0] for seed in range(20)}
    assert {0, 9} <= chosen
    assert {best(curious, state, items, seed)[0] for seed in range(20)} == {9}


def test_scores_are_what_is_answered_to_the_same_query() -> None:
    policy = SplitModel({"explore": 3.0})
    state = taught(policy, policy.init(("f",)), [1.0, -2.0], 20)
    outputs = [text([0.5, 1.0]), text([2.0, -1.0])]
    scores = {place: score for place, score in policy.rank_items(state, [item(each) for each in outputs], Random(3))}
    for place, output in enumerate(outputs):
        assert scores[place] == pytest.approx(answer(policy, state, ONE, output)[0])


def test_items_of_which_nobody_has_said_numbers_are_left_out() -> None:
    policy = SplitModel({"explore": 0.0})
    state = policy.init(("f", "g"))
    items = [item(b"1", b"3"), item(None, None), item(b'"cat"', None), item(b"7", None)]
    both = [each._replace(selection=TWO) for each in items]
    assert best(policy, state, both) == [3, 0]
    assert policy.rank_items(state, both[1:3], Random(0)) == []
    assert policy.rank_items(state, [], Random(0)) == []


def test_ranking_draws_weights_as_certain_as_the_belief() -> None:
    """Of two items whose scores are normal and independent, the better one comes first as often as it should."""
    policy = SplitModel({})
    state = policy.init(("f",))
    state = policy.observe(state, QUERY, Feedback(b"1"), ONE, [b"[1, 0]"])
    items = [item(b"[1, 0]"), item(b"[0, 1]")]
    first = sum([best(policy, state, items, seed)[0] == 0 for seed in range(2000)]) / 2000
    expected = [ridge_mean(policy, state, each) for each in items]
    features = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    spread = ridge.spread_of(policy.observe(state, QUERY, Feedback(), ONE, [b"[1, 0]"])["belief"])
    difference = features[0] - features[1]
    deviations = (expected[0] - expected[1]) / float(np.sqrt(difference @ spread @ difference))
    assert first == pytest.approx(NormalDist().cdf(deviations), abs=0.04)


def ridge_mean(policy: SplitModel, state: State, each: Item) -> float:
    return dict(policy.rank_items(state, [each], Random(0)))[0]


def test_certain_belief_is_drawn_from_though_rounding_has_left_it_no_room() -> None:
    flat = ridge.belief(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [1.0, 1.0]]) - 1e-12 * np.eye(2))
    drawn = np.array([ridge.drawn(flat, 1.0, seed) for seed in range(200)])
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn[:, 1] - drawn[:, 0], 1.0, atol=1e-5)
    np.testing.assert_array_equal(ridge.drawn(flat, 0.0, 1), [1.0, 2.0])
