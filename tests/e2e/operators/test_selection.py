"""An operator watches and steers what policies learn, on a real server that answers queries meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from clipper.client import Clipper, connect
from tests.e2e.operators.conftest import wait_for
from tests.e2e.operators.test_cli import Shell

MODELS = {
    "good": lambda inputs: [int(x[0]) for x in inputs],
    "fair": lambda inputs: [int(x[0]) + (int(x[0]) % 3 == 0) for x in inputs],
    "poor": lambda inputs: [int(x[0]) + 1 for x in inputs],
}
"""Never off, off for every third input, always off."""


@pytest.fixture
def shell(tmp_path: Path, home: Path) -> Shell:
    return Shell(tmp_path, home)


@pytest.fixture(scope="module")
def deployed(home: Path) -> Iterator[None]:
    with connect(home) as clipper:
        for name, function in MODELS.items():
            clipper.deploy_model(name, 1, function, "doubles", example=[1.0])
        yield


def application(clipper: Clipper, name: str, policy: str, **config: object) -> None:
    clipper.register_application(name, "doubles", "-1", 2_000_000, policy=policy, policy_config=config)
    clipper.set_linked_models(name, list(MODELS))


def teach(clipper: Clipper, name: str, count: int, context: str | None = None) -> None:
    """Ask, and tell what was right."""
    app, rng = clipper.application(name), Random(7)
    for _ in range(count):
        value = rng.randrange(1_000_000)
        prediction = app.predict([float(value)], context=context)
        assert not prediction.default
        app.feedback(value, query_id=prediction.query_id)


def weight(clipper: Clipper, name: str, model: str, context: str | None = None) -> float:
    known = clipper.get_weights(name, context)
    return float(next(each["weight"] for each in known["models"] if each["model"] == model))


@pytest.mark.usefixtures("deployed")
def test_what_was_learned_is_seen_taken_out_forgotten_and_brought_back(clipper: Clipper, shell: Shell) -> None:
    application(clipper, "learned", "hedge", eta=0.5)
    teach(clipper, "learned", 20, "ann")
    assert weight(clipper, "learned", "good", "ann") > 0.8
    shown = shell.said("app", "weights", "learned", "--context", "ann")
    assert "learned: hedge, context ann\n" in shown
    assert "█" * 30 in next(line for line in shown.splitlines() if line.startswith("good"))
    shell.said("app", "state", "export", "learned", "--to", "kept")
    assert len((shell.folder / "kept").read_bytes().splitlines()) == 3
    shell.said("app", "state", "reset", "learned", "--yes")
    assert weight(clipper, "learned", "good", "ann") == pytest.approx(1 / 3)
    assert "goes on from 2 states" in shell.said("app", "state", "import", "learned", "kept")
    assert weight(clipper, "learned", "good", "ann") > 0.8
    teach(clipper, "learned", 3, "ann")
    assert clipper.get_weights("learned", "ann")["models"][0]["feedback"] == 23


@pytest.mark.usefixtures("deployed")
def test_policy_is_changed_while_queries_are_answered(clipper: Clipper, shell: Shell) -> None:
    application(clipper, "changed", "majority")
    teach(clipper, "changed", 5)
    for policy in ("thompson", "cascade", "exp4", "tracking", "linucb", "split_model", "average", "split", "ucb1"):
        outputs = '{"outputs": "scores"}' if policy == "average" else "{}"
        said = shell.said("app", "set", "changed", "--policy", policy, "--policy-config", outputs)
        assert f"had learned is forgotten; {policy} starts anew" in said
        teach(clipper, "changed", 5)
        known = clipper.get_weights("changed")
        assert (known["policy"], known["learned"]) == (policy, True)


@pytest.mark.usefixtures("deployed")
def test_other_policies_are_compared_on_what_was_answered(clipper: Clipper, shell: Shell) -> None:
    application(clipper, "compared", "majority")
    teach(clipper, "compared", 60)
    table = clipper.compare_policies("compared")
    assert table["queries"] == 60
    rows = {(each["policy"], each["model"]): each for each in table["policies"]}
    assert rows["static", "good"]["earned"]["mean"] == 1.0
    assert rows["static", "poor"]["earned"]["mean"] == 0.0
    assert rows["hedge", None]["earned"]["mean"] > table["earned"]["mean"] - 0.02
    shown = shell.said("app", "policies", "compared")
    assert "on its newest 60 queries with feedback" in shown
    assert next(line for line in shown.splitlines() if line.startswith("good alone")).split()[2] == "100.0%"
    assert json.loads(shell.said("app", "policies", "compared", "--json"))["queries"] == 60


@pytest.mark.usefixtures("deployed")
def test_split_ends_itself(clipper: Clipper, shell: Shell) -> None:
    test = {"candidate": "good", "current": "poor"}
    application(clipper, "tested", "split", weights={"poor": 0.5, "good": 0.5}, verdict=test)
    teach(clipper, "tested", 200)
    wait_for(lambda: weight(clipper, "tested", "good") == 1.0, "the verdict")
    assert "split: good promoted" in shell.said("status")
    assert "; good is promoted" in shell.said("app", "weights", "tested")
    assert [clipper.application("tested").predict([float(n)]).output for n in range(20)] == list(range(20))
