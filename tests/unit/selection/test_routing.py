"""Static splits of the traffic, and what is worth what."""

from collections import Counter
from random import Random

import pytest

from clipper.selection.policies import policy_named
from clipper.selection.rewards import worth
from tests.contract.policy_world import Asked

MODELS = ("a", "b", "c")


def chosen(config: dict[str, object], models: tuple[str, ...] = MODELS) -> dict[str, str]:
    policy = policy_named("split", config)
    state = policy.init(models)
    return {
        context: policy.select(state, models, Asked(context=context), Random(seed)).models[0]
        for seed, context in enumerate(f"user-{n}" for n in range(4000))
    }


def test_contexts_are_divided_by_weight_and_stay() -> None:
    config: dict[str, object] = {"weights": {"a": 90, "b": 10}}
    first = chosen(config)
    assert Counter(first.values())["b"] == pytest.approx(400, abs=60)
    assert first == chosen(config)
    assert first == chosen(config, MODELS[::-1])


def test_canary_that_grows_moves_nobody_back() -> None:
    small, large = chosen({"weights": {"a": 90, "b": 10}}), chosen({"weights": {"a": 70, "b": 30}})
    assert all(large[context] == "b" for context, model in small.items() if model == "b")


def test_model_that_goes_moves_only_its_own_contexts() -> None:
    before, after = chosen({}), chosen({}, ("a", "b"))
    assert all(after[context] == model for context, model in before.items() if model != "c")


def test_queries_without_context_are_divided_by_chance() -> None:
    policy = policy_named("split", {"weights": {"a": 3, "c": 1}})
    state, rng = policy.init(MODELS), Random(0)
    picks = Counter(policy.select(state, MODELS, Asked(), rng).models[0] for _ in range(4000))
    assert picks["c"] == pytest.approx(1000, abs=120)
    assert "b" not in picks


def test_shadows_are_asked_and_never_answer() -> None:
    policy = policy_named("split", {"shadow": ["b"]})
    state = policy.init(MODELS)
    selection = policy.select(state, MODELS, Asked(context="u"), Random(0))
    assert selection.models in (("a", "b"), ("c", "b"))
    assert policy.combine(state, Asked(), selection, [None, b"1"]) is None
    assert policy.is_decided(state, Asked(), selection, [b"1", None])
    assert policy.weights(state, MODELS) == {"a": 0.5, "b": 0.0, "c": 0.5}
    assert policy.select(state, ("b",), Asked(), Random(0)).models == ("b",)


@pytest.mark.parametrize(
    ("output", "label", "scale", "value"),
    [
        (b"1", b"1.0", 0.0, 1.0),
        (b"1", b"2", 0.0, 0.0),
        (b"1", b"2", 4.0, 0.75),
        (b"1", b"9", 4.0, 0.0),
        (b"[0.1, 0.7, 0.2]", b"1", 0.0, 1.0),
        (b"[0.1, 0.7, 0.2]", b"2", 0.0, 0.0),
        (b"[1, 2]", b"[1.0, 2.0]", 0.0, 1.0),
        (b'"cat"', b'"cat"', 1.0, 1.0),
        (b"1e300", b"2e300", 1.0, 0.0),
        (b"[]", b"0", 0.0, 0.0),
    ],
)
def test_worth_of_an_output(output: bytes, label: bytes, scale: float, value: float) -> None:
    assert worth(output, label, scale) == pytest.approx(value)
