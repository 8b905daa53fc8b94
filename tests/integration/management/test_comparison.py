"""What other policies would have earned, as operators are told it."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from clipper.core.inputs import DType, InputType
from clipper.management.selection.comparison import compared
from clipper.registry.entities import Application
from clipper.selection.evidence.judged import Judged
from clipper.selection.policies import POLICIES
from tests.integration.management.admin import with_admin
from tests.integration.management.asgi import AsgiClient
from tests.integration.management.world import World


def application(policy: str = "majority", **config: Any) -> Application:
    return Application(
        name="app",
        input_type=InputType.DOUBLES,
        default_output="-1",
        latency_slo_micros=20_000,
        policy=policy,
        policy_config=config,
        models=("a", "b", "c"),
    )


def log(count: int, models: tuple[str, ...] = ("a", "b", "c")) -> list[Judged]:
    """`b` is right in nine of ten cases, the others in one of three."""
    rng = Random(4)
    chance = {"a": 0.33, "b": 0.9, "c": 0.33}
    made = []
    for _ in range(count):
        outputs = tuple([b"1" if rng.random() < chance[model] else b"%d" % rng.randrange(2, 9) for model in models])
        certain = (1.0,) * len(models)
        made.append(Judged(DType.FLOAT64, (1,), bytes(8), None, b"1", None, outputs[0], 1.0, models, certain, outputs))
    return made


def row(table: dict[str, Any], policy: str, model: str | None = None) -> dict[str, Any]:
    (found,) = [each for each in table["policies"] if (each["policy"], each["model"]) == (policy, model)]
    return dict(found)


def test_best_come_first_and_the_present_one_is_marked() -> None:
    table = compared(application("majority"), log(1000))
    assert table["queries"] == 1000
    assert table["earned"]["mean"] == pytest.approx(0.33, abs=0.05)
    assert {each["policy"] for each in table["policies"]} == set(POLICIES)
    assert row(table, "majority")["current"]
    assert not row(table, "hedge")["current"]
    means = [each["earned"]["mean"] for each in table["policies"] if each["told"]]
    assert means == sorted(means, reverse=True)
    assert row(table, "static", "b")["earned"]["mean"] == pytest.approx(0.9, abs=0.03)
    assert row(table, "hedge")["earned"]["low"] > row(table, "majority")["earned"]["high"]
    assert row(table, "hedge")["told"] == 1000


def test_what_cannot_be_told_says_why_and_comes_last() -> None:
    table = compared(application("static"), log(50, ("a",)))
    assert row(table, "static", "a")["told"] == 50
    for policy, model in (("static", "b"), ("majority", None)):
        found = row(table, policy, model)
        assert (found["told"], found["why"]) == (0, "the queries do not tell: whom it would have asked was not asked")
    assert table["policies"][-1]["told"] == 0
    assert row(compared(application(), []), "majority")["why"] == "no query was judged yet"


def test_labels_that_a_policy_cannot_learn_from_are_its_reason() -> None:
    words = [Judged(0, (1,), b"x", None, b'"cat"', None, b'"cat"', 1.0, ("a",), (1.0,), (b'"cat"',))] * 3
    table = compared(application("static"), words)
    assert "learns from numbers" in row(table, "split_model")["why"]
    assert row(table, "static", "a")["earned"]["mean"] == 1.0


def test_settings_that_say_what_outputs_are_worth_hold_for_all() -> None:
    near = [Judged(DType.FLOAT64, (1,), bytes(8), None, b"1", None, b"2", 1.0, ("a",), (1.0,), (b"2",))] * 3
    for scale, worth in ((0.0, 0.0), (4.0, 0.75)):
        table = compared(application("ucb1", scale=scale, width=2.0), near)
        assert table["earned"]["mean"] == worth
        assert row(table, "static", "a")["earned"]["mean"] == worth


def test_operators_ask_for_it_by_name(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        app = {"name": "app", "input_type": "doubles", "default_output": "-1", "latency_slo_micros": 20_000}
        await client.post("/admin/add_app", app)
        table = (await client.post("/admin/compare_policies", {"app_name": "app"})).json
        assert (table["application"], table["queries"], table["policies"]) == ("app", 0, [])
        assert (await client.post("/admin/compare_policies", {"app_name": "x"})).status == 404

    with_admin(tmp_path, test)
