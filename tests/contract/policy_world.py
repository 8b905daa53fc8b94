"""Queries, histories and settings that every selection policy is tried with."""

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import hypothesis.strategies as st
import msgspec

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import DType, Input
from clipper.selection.policies import POLICIES, policy_named
from clipper.selection.policy import Answer, Feedback, Policy, Selection, State


class Asked(NamedTuple):
    """One query, as a policy sees it."""

    input: Input = Input(DType.FLOAT64, (2,), bytes(16))
    context: str | None = None


SETTINGS: dict[str, list[dict[str, Any]]] = {
    "split": [{"weights": {"m0": 1.0, "m1": 3.0}, "shadow": ["m2"]}],
    "cascade": [{"order": ["m3", "m1"], "confidence": 0.6}],
    "exp3": [{"explore": 0.1, "calibrated": True}],
    "tracking": [{"probes": 0.5, "explore": 0.2}],
    "majority": [{"calibrated": True}, {"outputs": "scores", "missing": "expected", "scale": 2.0}],
    "average": [{"weights": {"m0": 2.0, "m1": 0.0}}, {"missing": "expected"}],
    "exp4": [{"outputs": "scores"}],
    "linucb": [{"features": 2}],
    "split_model": [{"precision": 0.1, "calibrated": True}],
    "jury": [{"outputs": "scores", "missing": "expected", "memory": 5.0}],
    "hedge": [{"outputs": "scores", "missing": "expected", "share": 0.0}],
}
"""Beside each policy's defaults."""

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def documented_policy() -> str:
    """The code of the policy of one's own in the documentation."""
    (code,) = re.findall(r"```python\n([^`]*?\nclass .*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(code)


def made(code: str) -> Policy:
    """The one policy that a module of that code has, without settings."""
    names: dict[str, Any] = {}
    exec(code, names)
    (kind,) = [each for each in names.values() if isinstance(each, type) and each.__module__ != Policy.__module__]
    policy: Policy = kind({})
    return policy


POLICIES_TO_TRY: dict[str, Policy] = (
    {name: policy_named(name, {}) for name in POLICIES}
    | {
        f"{name}{number}": policy_named(name, config)
        for name, configs in SETTINGS.items()
        for number, config in enumerate(configs)
    }
    | {"the documentation's": made(documented_policy())}
)


MODELS = [f"m{n}" for n in range(6)]

links = st.lists(st.sampled_from(MODELS), min_size=1, max_size=6, unique=True).map(tuple)

texts = st.sampled_from([b"1", b"2", b"2.5", b'"cat"', b"[1, 2]", b"[0.25, 0.5, 0.25]", b"null", b"-1e308", b"true"])

maybe_texts = st.none() | texts

contexts = st.sampled_from([None, "u1", "u2"])

inputs = st.lists(st.floats(width=64), min_size=1, max_size=4).map(
    lambda values: Input(DType.FLOAT64, (len(values),), b"".join(struct.pack("<d", value) for value in values))
)

queries = st.builds(Asked, inputs, contexts)

rewards = st.sampled_from([0.0, 1.0, 0.3, -1e308, 1e308, float("inf"), float("-inf"), float("nan")])


class Event(NamedTuple):
    """A query, what the models say, and what is learned of it: a label, or else a reward."""

    models: tuple[str, ...]
    query: Asked
    outputs: list[bytes | None]
    label: bytes | None
    reward: float
    late: bool
    seed: int


events = st.builds(
    Event,
    links,
    queries,
    st.lists(maybe_texts, min_size=6, max_size=6),
    maybe_texts,
    rewards,
    st.booleans(),
    st.integers(0, 99),
)

histories = st.lists(events, max_size=5)


def said(selection: Selection, outputs: Sequence[bytes | None]) -> list[bytes | None]:
    """What the selected models say: each model has its own place among the six."""
    return [outputs[MODELS.index(model)] for model in selection.models]


def feedback_on(event: Event, answer: Answer | None) -> Feedback:
    if event.label is not None:
        return Feedback(label=event.label, answer=answer)
    return Feedback(reward=event.reward, answer=answer)


def learned(policy: Policy, history: Sequence[Event]) -> State:
    """The state after these events; feedback that is late comes after the others."""
    state = policy.init(("m0", "m1"))
    late = []
    for event in history:
        selection = policy.select(state, event.models, event.query, Random(event.seed))
        outputs = said(selection, event.outputs)
        answer = policy.combine(state, event.query, selection, outputs)
        seen = (event.query, feedback_on(event, answer), selection, outputs)
        if event.late:
            late.append(seen)
        else:
            state = observed(policy, state, *seen)
    for seen in late:
        state = observed(policy, state, *seen)
    return state


def observed(
    policy: Policy,
    state: State,
    query: Asked,
    feedback: Feedback,
    selection: Selection,
    outputs: Sequence[bytes | None],
) -> State:
    """The state after feedback; the same one if the policy says that it cannot learn from such a label."""
    try:
        return policy.observe(state, query, feedback, selection, outputs)
    except ClipperError as error:
        assert error.code is ErrorCode.INVALID_ARGUMENT
        assert "label" in error.message
        return state


def stored(state: State) -> State:
    """The state as it comes back from the store."""
    back: State = msgspec.msgpack.decode(msgspec.msgpack.encode(state))
    return back
