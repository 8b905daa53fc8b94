"""What every selection policy must do, run against each of `POLICIES`."""

import copy
import json
from random import Random
from typing import TypeAlias

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import DType, Input
from clipper.selection.policies import POLICIES, policy_named
from clipper.selection.policy import Policy, Selection, State

each_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)

INPUT = Input(DType.FLOAT64, (1,), bytes(8))

links = st.lists(st.sampled_from([f"m{n}" for n in range(6)]), min_size=1, max_size=6, unique=True).map(tuple)

texts = st.sampled_from([b"1", b"2", b'"cat"', b"[1, 2]", b"null"])


maybe_texts = st.sampled_from([None, b"1", b"2", b'"cat"', b"[1, 2]", b"null"])

Feedback: TypeAlias = tuple[bytes, list[bytes | None], int]
"""A label, an output or nothing for each of six models, and a seed."""

feedbacks = st.tuples(texts, st.lists(maybe_texts, min_size=6, max_size=6), st.integers(0, 9))
histories = st.lists(feedbacks, max_size=4)

few = settings(max_examples=25, deadline=None)


def learned(policy: Policy, models: tuple[str, ...], history: list[Feedback]) -> State:
    state = policy.init(models, {})
    for label, outputs, seed in history:
        selection = policy.select(state, models, INPUT, Random(seed))
        state = policy.observe(state, INPUT, label, selection, outputs[: len(selection.models)])
    return state


def is_plain(value: object) -> bool:
    match value:
        case None | bool() | int() | float() | str():
            return True
        case list():
            return all(map(is_plain, value))
        case dict():
            return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return False


@each_policy
@few
@given(models=links, history=histories, seed=st.integers(0, 9))
def test_selection_is_of_linked_models_with_their_propensities(
    policy: Policy, models: tuple[str, ...], history: list[Feedback], seed: int
) -> None:
    selection = policy.select(learned(policy, models, history), models, INPUT, Random(seed))
    assert selection.models
    assert set(selection.models) <= set(models)
    assert len(set(selection.models)) == len(selection.models)
    assert len(selection.propensities) == len(selection.models)
    assert all(0 < each <= 1 for each in selection.propensities)


@each_policy
@few
@given(models=links, history=histories, seed=st.integers(0, 9))
def test_selection_is_a_function_of_its_arguments(
    policy: Policy, models: tuple[str, ...], history: list[Feedback], seed: int
) -> None:
    state = learned(policy, models, history)
    first = policy.select(state, models, INPUT, Random(seed))
    policy.select({**state}, models[::-1], INPUT, Random(seed + 1))
    assert policy.select(copy.deepcopy(state), models, INPUT, Random(seed)) == first


@each_policy
@few
@given(models=links, history=histories, outputs=st.lists(maybe_texts, min_size=6, max_size=6))
def test_combine_answers_from_any_subset(
    policy: Policy,
    models: tuple[str, ...],
    history: list[Feedback],
    outputs: list[bytes | None],
) -> None:
    state = learned(policy, models, history)
    selection = policy.select(state, models, INPUT, Random(0))
    arrived = outputs[: len(selection.models)]
    answer = policy.combine(state, selection, arrived)
    if answer is None:
        assert all(each is None for each in arrived)
    else:
        assert any(each is not None for each in arrived)
        json.loads(answer.output)
        assert 0 <= answer.confidence <= 1


@each_policy
@few
@given(models=links, history=histories)
def test_nothing_arrived_carries_no_answer(policy: Policy, models: tuple[str, ...], history: list[Feedback]) -> None:
    state = learned(policy, models, history)
    selection = policy.select(state, models, INPUT, Random(0))
    assert policy.combine(state, selection, [None] * len(selection.models)) is None


@each_policy
@few
@given(models=links, output=texts)
def test_unanimous_models_are_believed(policy: Policy, models: tuple[str, ...], output: bytes) -> None:
    state = policy.init(models, {})
    selection = policy.select(state, models, INPUT, Random(0))
    answer = policy.combine(state, selection, [output] * len(selection.models))
    assert answer is not None
    assert (answer.output, answer.confidence) == (output, 1.0)


@each_policy
@few
@given(models=links, history=histories, more=feedbacks)
def test_state_is_a_plain_value_that_nobody_changes(
    policy: Policy,
    models: tuple[str, ...],
    history: list[Feedback],
    more: Feedback,
) -> None:
    state = learned(policy, models, history)
    assert is_plain(state)
    kept = copy.deepcopy(state)
    label, outputs, seed = more
    selection = policy.select(state, models, INPUT, Random(seed))
    arrived = outputs[: len(selection.models)]
    policy.combine(state, selection, arrived)
    after = policy.observe(state, INPUT, label, selection, arrived)
    assert state == kept
    assert is_plain(after)


@each_policy
@few
@given(models=links, history=histories, more=feedbacks)
def test_state_means_the_same_after_the_store(
    policy: Policy,
    models: tuple[str, ...],
    history: list[Feedback],
    more: Feedback,
) -> None:
    state = learned(policy, models, history)
    stored: State = msgspec.json.decode(msgspec.json.encode(state))
    assert stored == state
    label, outputs, seed = more
    selection = policy.select(stored, models, INPUT, Random(seed))
    assert selection == policy.select(state, models, INPUT, Random(seed))
    arrived = outputs[: len(selection.models)]
    assert policy.combine(stored, selection, arrived) == policy.combine(state, selection, arrived)
    again = policy.observe(stored, INPUT, label, selection, arrived)
    assert again == policy.observe(state, INPUT, label, selection, arrived)


@each_policy
def test_models_may_come_and_go_between_select_and_observe(policy: Policy) -> None:
    """Feedback is late: by then other models may be linked than those the state has seen."""
    state = policy.init(("a", "b"), {})
    old = Selection(("gone", "a"), (1.0, 1.0))
    state = policy.observe(state, INPUT, b"1", old, [b"1", None])
    for models in (("new",), ("b", "new", "a")):
        selection = policy.select(state, models, INPUT, Random(0))
        assert set(selection.models) <= set(models)
        assert policy.combine(state, selection, [b"1"] * len(selection.models)) is not None


def test_policy_is_found_by_its_name() -> None:
    assert all(policy_named(name) is policy for name, policy in POLICIES.items())


def test_unknown_policy_names_those_that_exist() -> None:
    with pytest.raises(ClipperError, match="expected one of static, majority") as caught:
        policy_named("exp5")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
