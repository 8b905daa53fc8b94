"""What other policies would have earned: repeated where everything was said, else estimated without bias."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from clipper.core.inputs import DType
from clipper.selection.evidence.judged import Asked, Judged, asked
from clipper.selection.evidence.replay import Replay, actual, replayed
from clipper.selection.policies import POLICIES, policy_named
from clipper.selection.policy import Feedback, Policy

MODELS = ("a", "b", "c")
ACCURACY = {"a": 0.6, "b": 0.9, "c": 0.75}


def stream(count: int, seed: int) -> list[tuple[bytes, dict[str, bytes]]]:
    """Labels, and what each model says of them."""
    rng = Random(seed)
    made = []
    for _ in range(count):
        label = rng.randrange(10)
        said = {m: label if rng.random() < ACCURACY[m] else (label + rng.randrange(1, 10)) % 10 for m in MODELS}
        made.append((b"%d" % label, {model: b"%d" % value for model, value in said.items()}))
    return made


def logged(
    policy: Policy, queries: Sequence[tuple[bytes, dict[str, bytes]]], seed: int, *, rewards: bool = False
) -> list[Judged]:
    """What a policy that answers these queries leaves, learning as it goes."""
    rng, state, log = Random(seed), policy.init(MODELS), []
    for number, (label, said) in enumerate(queries):
        judged = Judged(DType.FLOAT64, (1,), bytes(8), None, label, None, b"", 1.0, (), (), ())
        x = Asked(asked(judged).input, f"user-{number % 3}")
        selection = policy.select(state, MODELS, x, rng)
        outputs = [said[model] for model in selection.models]
        answer = policy.combine(state, x, selection, outputs)
        assert answer is not None
        reward = float(answer.output == label)
        feedback = Feedback(None, reward, answer) if rewards else Feedback(label, None, answer)
        state = policy.observe(state, x, feedback, selection, outputs)
        log.append(
            msgspec.structs.replace(
                judged,
                context=x.context,
                label=feedback.label,
                reward=feedback.reward,
                answered=answer.output,
                propensity=answer.propensity,
                models=selection.models,
                propensities=selection.propensities,
                outputs=tuple(outputs),
            )
        )
    return log


def replay(name: str, log: list[Judged], models: tuple[str, ...] = MODELS) -> Replay:
    return replayed(policy_named(name, {}), models, log, Random(1))


def mean_of(log: list[Judged]) -> float:
    return actual(log).mean


@pytest.mark.parametrize("name", ["hedge", "majority", "ucb1"])
def test_where_everything_was_said_it_is_repeated(name: str) -> None:
    queries = stream(600, seed=2)
    everything = [
        msgspec.structs.replace(each, context=None) for each in logged(policy_named("majority", {}), queries, seed=3)
    ]
    itself = logged(policy_named(name, {}), queries, seed=1)
    found = replay(name, everything)
    assert found.told == 600
    assert found.robust.mean == pytest.approx(found.weighted.mean)
    assert found.robust.mean == pytest.approx(mean_of(itself), abs=0.01)


@pytest.mark.parametrize("rewards", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_each_model_is_known_from_a_split(model: str, *, rewards: bool) -> None:
    others = tuple(each for each in MODELS if each != model)
    inside, mean = 0, 0.0
    for seed in range(40):
        log = logged(policy_named("epsilon_greedy", {"epsilon": 0.6}), stream(400, seed), seed, rewards=rewards)
        found = replayed(policy_named("static", {}), (model, *others), log, Random(seed))
        inside += found.robust.low <= ACCURACY[model] <= found.robust.high
        mean += found.robust.mean / 40
    assert inside >= 34  # 38 are expected of intervals that hold in 95 of 100 cases
    assert mean == pytest.approx(ACCURACY[model], abs=0.02)


def test_doubly_robust_is_the_narrower_one() -> None:
    log = logged(policy_named("epsilon_greedy", {"epsilon": 0.6}), stream(2000, 5), 5)
    found = replayed(policy_named("static", {}), ("c", "a", "b"), log, Random(1))
    assert found.robust.high - found.robust.low < found.weighted.high - found.weighted.low
    assert 100 < found.told < 1000


def test_what_the_log_cannot_tell_is_not_told() -> None:
    log = logged(policy_named("static", {}), stream(200, 6), 6)
    for name in ("majority", "hedge"):
        found = replay(name, log)
        assert (found.told, found.robust.low, found.robust.high, found.robust.effective) == (0, 0.0, 1.0, 0.0)


def test_probes_are_needed_for_learning_only() -> None:
    log = logged(policy_named("majority", {}), stream(400, 7), 7)
    singles = [
        msgspec.structs.replace(each, models=("b",), propensities=(0.5,), outputs=each.outputs[1:2]) for each in log
    ]
    found = replay("tracking", singles)
    assert 300 < found.told <= 400
    assert found.weighted.mean > 0.9  # each was seen with a half only, and counts twice


@pytest.mark.parametrize("name", [*POLICIES])
@pytest.mark.parametrize("logging", ["exp3", "exp4", "tracking", "majority"])
@pytest.mark.parametrize("rewards", [False, True])
def test_every_policy_goes_through_every_log(name: str, logging: str, *, rewards: bool) -> None:
    log = logged(policy_named(logging, {}), stream(60, 8), 8, rewards=rewards)
    with_gaps = [
        msgspec.structs.replace(each, outputs=(None, *each.outputs[1:])) if number % 7 == 0 else each
        for number, each in enumerate(log)
    ]
    found = replay(name, with_gaps, (*MODELS, "new"))
    assert 0.0 <= found.robust.low <= found.robust.high <= 1.0


def test_default_output_earned_what_it_was_worth() -> None:
    judged = Judged(DType.FLOAT64, (1,), bytes(8), None, b"1", None, b"-1", 1.0, ("a",), (1.0,), (None,))
    assert actual([judged] * 10).mean == 0.0
    assert replay("static", [judged] * 10).robust.mean == pytest.approx(0.0)
