"""The model that suits the input."""

from random import Random

import numpy as np
import pytest

from clipper.core.inputs import DType, Input
from clipper.selection.personal.features import features_of
from clipper.selection.personal.linucb import LinUcb
from clipper.selection.policy import Feedback
from tests.contract.policy_world import Asked


def vector(*values: float) -> Input:
    return Input(DType.FLOAT64, (len(values),), np.array(values).tobytes())


def test_each_kind_of_input_gets_the_model_that_suits_it() -> None:
    policy, models, rng = LinUcb({}), ("left", "right"), Random(0)
    state = policy.init(models)
    right = []
    for round_ in range(600):
        side = rng.choice([-1.0, 1.0])
        query = Asked(vector(side + rng.gauss(0, 0.2), rng.gauss(0, 0.2)))
        selection = policy.select(state, models, query, rng)
        good = selection.models[0] == ("right" if side > 0 else "left")
        state = policy.observe(state, query, Feedback(b"1"), selection, [b"1" if good else b"0"])
        if round_ >= 300:
            right.append(good)
    assert np.mean(right) > 0.95


@pytest.mark.parametrize(
    "asked",
    [
        vector(1.0, -2.0),
        vector(*range(1000)),
        vector(float("nan"), float("inf")),
        vector(),
        Input(DType.STRING, (11,), b"Hello world"),
        Input(DType.BYTES, (3,), b"\x00\xff\x00"),
        Input(DType.UINT8, (2, 2), bytes(4)),
    ],
)
def test_any_input_has_features_of_length_one(asked: Input) -> None:
    features = features_of(asked, 8)
    assert features.shape == (9,)
    assert np.linalg.norm(features) == pytest.approx(1.0)
    np.testing.assert_array_equal(features, features_of(asked, 8))


def test_folding_keeps_similar_inputs_similar() -> None:
    rng = np.random.default_rng(0)
    image = rng.random(784)
    near = features_of(vector(*image), 32) @ features_of(vector(*(image + rng.normal(0, 0.05, 784))), 32)
    far = features_of(vector(*image), 32) @ features_of(vector(*rng.normal(0, 1, 784)), 32)
    assert near > 0.98
    assert near > far + 0.2


def test_changed_settings_start_anew_instead_of_failing() -> None:
    old, new = LinUcb({"features": 4}), LinUcb({"features": 8})
    query = Asked(vector(1.0))
    state = old.init(("m",))
    state = old.observe(state, query, Feedback(b"1"), old.select(state, ("m",), query, Random(0)), [b"1"])
    selection = new.select(state, ("m",), query, Random(0))
    assert new.observe(state, query, Feedback(b"1"), selection, [b"1"])["beliefs"]["m"] != state["beliefs"]["m"]
