"""What every selection policy must do, run against each of `POLICIES` with several settings."""

import copy
import json
from math import isfinite
from random import Random

import pytest
from hypothesis import given, settings

from clipper.core.errors import ClipperError, ErrorCode
from clipper.selection.policies import POLICIES, policy_named
from clipper.selection.policy import Feedback, Item, Policy, Selection
from tests.contract.policy_world import (
    POLICIES_TO_TRY,
    Asked,
    Event,
    events,
    feedback_on,
    histories,
    learned,
    links,
    observed,
    said,
    stored,
    texts,
)

each_policy = pytest.mark.parametrize("policy", POLICIES_TO_TRY.values(), ids=POLICIES_TO_TRY)

few = settings(max_examples=10, deadline=None)


def is_plain(value: object) -> bool:
    match value:
        case float():
            return isfinite(value)
        case None | bool() | int() | str() | bytes():
            return True
        case list():
            return all(map(is_plain, value))
        case dict():
            return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return False


@each_policy
@few
@given(history=histories, event=events)
def test_selection_is_of_linked_models_with_their_propensities(
    policy: Policy, history: list[Event], event: Event
) -> None:
    selection = policy.select(learned(policy, history), event.models, event.query, Random(event.seed))
    assert selection.models
    assert set(selection.models) <= set(event.models)
    assert len(set(selection.models)) == len(selection.models)
    assert len(selection.propensities) == len(selection.models)
    assert all(0 < each <= 1 for each in selection.propensities)
    assert 0 <= selection.draw < 1


@each_policy
@few
@given(history=histories, event=events)
def test_selection_is_a_function_of_its_arguments(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    first = policy.select(state, event.models, event.query, Random(event.seed))
    policy.select({**state}, event.models[::-1], event.query, Random(event.seed + 1))
    assert policy.select(copy.deepcopy(state), event.models, event.query, Random(event.seed)) == first


@each_policy
@few
@given(history=histories, models=links)
def test_weights_are_shares_of_the_linked_models(policy: Policy, history: list[Event], models: tuple[str, ...]) -> None:
    weights = policy.weights(learned(policy, history), models)
    assert set(weights) == set(models)
    assert all(each >= 0 for each in weights.values())
    assert sum(weights.values()) == pytest.approx(1.0)


@each_policy
@few
@given(history=histories, event=events)
def test_combine_answers_from_any_subset(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    selection = policy.select(state, event.models, event.query, Random(event.seed))
    outputs = said(selection, event.outputs)
    answer = policy.combine(state, event.query, selection, outputs)
    assert answer == policy.combine(state, event.query, selection, outputs)
    if answer is not None:
        assert any(each is not None for each in outputs)
        json.loads(answer.output)
        assert 0 <= answer.confidence <= 1
        assert 0 < answer.propensity <= 1
        assert len(answer.weights) in (0, len(selection.models))
        assert sum(answer.weights) == pytest.approx(1.0) or not any(answer.weights)


@each_policy
@few
@given(history=histories, event=events)
def test_answer_comes_when_all_have_spoken(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    selection = policy.select(state, event.models, event.query, Random(event.seed))
    outputs = [each or b"7" for each in said(selection, event.outputs)]
    assert policy.combine(state, event.query, selection, outputs) is not None
    assert policy.is_decided(state, event.query, selection, outputs)


@each_policy
@few
@given(history=histories, event=events)
def test_nothing_arrived_carries_no_answer(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    selection = policy.select(state, event.models, event.query, Random(event.seed))
    nothing = [None] * len(selection.models)
    assert policy.combine(state, event.query, selection, nothing) is None
    assert not policy.is_decided(state, event.query, selection, nothing)


@each_policy
@few
@given(history=histories, event=events, more=events)
def test_decided_answer_stays_whatever_comes(policy: Policy, history: list[Event], event: Event, more: Event) -> None:
    state = learned(policy, history)
    selection = policy.select(state, event.models, event.query, Random(event.seed))
    outputs = said(selection, event.outputs)
    if policy.is_decided(state, event.query, selection, outputs):
        early = policy.combine(state, event.query, selection, outputs)
        full = [now or later for now, later in zip(outputs, said(selection, more.outputs), strict=True)]
        late = policy.combine(state, event.query, selection, full)
        assert len(outputs) - outputs.count(None) >= policy.quorum(state, selection.models)
        assert early is not None
        assert late is not None
        assert late.output == early.output


@each_policy
@few
@given(history=histories, event=events)
def test_further_models_are_linked_new_and_come_to_an_end(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    selection = policy.select(state, event.models, event.query, Random(event.seed))
    while more := policy.further(state, event.models, event.query, selection, said(selection, event.outputs)):
        assert policy.in_stages
        assert set(more) <= set(event.models) - set(selection.models)
        selection = Selection(selection.models + more, selection.propensities + (1.0,) * len(more))
        policy.combine(state, event.query, selection, said(selection, event.outputs))


@each_policy
@few
@given(history=histories, asked=histories)
def test_items_are_ranked_once_each_with_finite_scores(
    policy: Policy, history: list[Event], asked: list[Event]
) -> None:
    state = learned(policy, history)
    kept = copy.deepcopy(state)
    items = []
    for event in asked:
        selection = policy.select(state, event.models, event.query, Random(event.seed))
        items.append(Item(event.query, selection, said(selection, event.outputs)))
    ranking = policy.rank_items(state, items, Random(0))
    assert policy.ranks_items or not ranking
    assert len({place for place, _ in ranking}) == len(ranking)
    assert all(0 <= place < len(items) and isfinite(score) for place, score in ranking)
    assert ranking == policy.rank_items(state, items, Random(0))
    assert state == kept


@each_policy
@few
@given(models=links, output=texts)
def test_one_output_of_one_model_is_answered_as_it_is_where_that_is_promised(
    policy: Policy, models: tuple[str, ...], output: bytes
) -> None:
    if policy.verbatim:
        only = Selection(models[:1], (1.0,))
        answer = policy.combine(policy.init(models), Asked(), only, [output])
        assert answer is not None
        assert answer.output == output


@each_policy
@few
@given(history=histories, event=events)
def test_state_is_a_plain_value_that_nobody_changes(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    assert is_plain(state)
    kept = copy.deepcopy(state)
    selection = policy.select(state, event.models, event.query, Random(event.seed))
    outputs = said(selection, event.outputs)
    answer = policy.combine(state, event.query, selection, outputs)
    after = observed(policy, state, event.query, feedback_on(event, answer), selection, outputs)
    policy.start(state)
    assert state == kept
    assert is_plain(after)


@each_policy
@few
@given(history=histories, event=events)
def test_state_means_the_same_after_the_store(policy: Policy, history: list[Event], event: Event) -> None:
    state = learned(policy, history)
    back = stored(state)
    assert back == state
    selection = policy.select(back, event.models, event.query, Random(event.seed))
    assert selection == policy.select(state, event.models, event.query, Random(event.seed))
    outputs = said(selection, event.outputs)
    answer = policy.combine(back, event.query, selection, outputs)
    assert answer == policy.combine(state, event.query, selection, outputs)
    feedback = feedback_on(event, answer)
    again = observed(policy, back, event.query, feedback, selection, outputs)
    assert again == observed(policy, state, event.query, feedback, selection, outputs)


@each_policy
@few
@given(history=histories, more=histories)
def test_new_context_starts_from_the_population_and_learns(
    policy: Policy, history: list[Event], more: list[Event]
) -> None:
    state = policy.start(learned(policy, history))
    assert is_plain(state)
    for event in more:
        selection = policy.select(state, event.models, event.query, Random(event.seed))
        outputs = said(selection, event.outputs)
        answer = policy.combine(state, event.query, selection, outputs)
        state = observed(policy, state, event.query, feedback_on(event, answer), selection, outputs)
    assert is_plain(state)


@each_policy
def test_models_may_come_and_go_between_select_and_observe(policy: Policy) -> None:
    """Feedback is late: by then other models may be linked than those the state has seen, or another policy chose."""
    state = policy.init(("a", "b"))
    old = Selection(("gone", "a"), (1.0, 1.0))
    state = observed(policy, state, Asked(), Feedback(b"1"), old, [b"1", None])
    for models in (("new",), ("b", "new", "a")):
        selection = policy.select(state, models, Asked(), Random(0))
        assert set(selection.models) <= set(models)
        assert policy.combine(state, Asked(), selection, [b"1"] * len(selection.models)) is not None


@each_policy
def test_thousands_of_losses_leave_everyone_a_chance_to_be_asked(policy: Policy) -> None:
    state, models = policy.init(("m0", "m1")), ("m0", "m1")
    for round_ in range(2000):
        selection = policy.select(state, models, Asked(), Random(round_))
        state = observed(policy, state, Asked(), Feedback(b"1"), selection, [b"0"] * len(selection.models))
    selection = policy.select(state, (*models, "m2"), Asked(), Random(0))
    assert is_plain(state)
    assert all(0 < each <= 1 for each in selection.propensities)


def test_policy_is_found_by_its_name() -> None:
    for name, kind in POLICIES.items():
        assert isinstance(policy_named(name, {}), type(kind({})))


def test_unknown_policy_names_those_that_exist() -> None:
    with pytest.raises(
        ClipperError, match=r"expected one of static, split, .*, hedge, jury, linucb, split_model"
    ) as caught:
        policy_named("exp5", {})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", POLICIES)
def test_unknown_setting_is_named(name: str) -> None:
    with pytest.raises(ClipperError, match=r"Invalid policy_config.*'no-such'") as caught:
        policy_named(name, {"no-such": 1})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("exp3", {"eta": -1}, "Invalid policy_config: field 'eta': expected `float` > 0"),
        ("exp3", {"eta": "fast"}, "Invalid policy_config: field 'eta': expected `float`, got `str`"),
        ("epsilon_greedy", {"epsilon": 2}, "Invalid policy_config: field 'epsilon': expected `float` <= 1.0"),
        ("split", {"weights": {"m": -1}}, "Invalid policy_config: field 'weights.*': expected `float` >= 0"),
        ("majority", {"outputs": "words"}, "Invalid policy_config: field 'outputs': invalid enum value 'words'"),
        ("hedge", {"calibrated": 1}, "Invalid policy_config: field 'calibrated': expected true or false"),
    ],
)
def test_wrong_setting_is_named_with_what_was_expected(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(ClipperError) as caught:
        policy_named(name, config)
    assert message.replace("weights.*", "weights") in caught.value.message.replace("weights[...]", "weights")
