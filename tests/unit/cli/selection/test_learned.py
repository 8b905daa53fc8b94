"""`clipper app weights` and `clipper app state` draw, write and bring back what was learned."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.client.fake import Answer, FakePlane

KNOWN = {
    "application": "digits",
    "policy": "hedge",
    "context": None,
    "learned": True,
    "verdict": None,
    "models": [
        {"model": "svm", "weight": 0.75, "accuracy": 0.9, "feedback": 1000.0, "regret": 0.0},
        {"model": "bayes", "weight": 0.25, "accuracy": None, "feedback": 0.0, "regret": None},
    ],
}
LINES = b'{"format":1}\n{"context":null,"state":{}}\n'


@pytest.fixture(autouse=True)
def plane(admin: FakePlane, query: FakePlane) -> FakePlane:
    admin.says("/admin/get_weights", KNOWN)
    admin.answers["/admin/export_states"] = Answer(LINES, content_type="application/x-ndjson")
    admin.says("/admin/import_states", {"app_name": "digits", "states": 1})
    admin.says("/admin/reset_states", {"message": "forgotten"})
    return admin


def test_weights_are_drawn_as_long_as_they_are_large(run: Run, plane: FakePlane) -> None:
    title, _, svm, bayes = run("app", "weights", "digits").stdout.splitlines()
    assert title == "digits: hedge, all contexts"
    assert (svm.count("█"), bayes.count("█")) == (30, 10)
    assert svm.split()[-4:] == ["75.0%", "90.0%", "1,000", "0.0"]
    assert bayes.split()[-4:] == ["25.0%", "-", "0", "-"]
    assert plane.last.json == {"app_name": "digits"}


def test_weights_of_a_context_say_whether_it_has_learned(run: Run, plane: FakePlane) -> None:
    plane.says("/admin/get_weights", {**KNOWN, "context": "ann", "learned": False})
    shown = run("app", "weights", "digits", "--context", "ann").stdout
    assert "digits: hedge, context ann, nothing learned yet" in shown
    assert plane.last.json == {"app_name": "digits", "context": "ann"}
    plane.says("/admin/get_weights", {**KNOWN, "models": []})
    assert "`clipper app link` links one" in run("app", "weights", "digits").stdout


def test_weights_are_json_for_programs(run: Run) -> None:
    assert json.loads(run("app", "weights", "digits", "--json").stdout) == KNOWN


def test_states_are_written_and_brought_back(run: Run, plane: FakePlane, tmp_path: Path) -> None:
    assert run("app", "state", "export", "digits").stdout_bytes == LINES
    file = tmp_path / "digits.states"
    assert "Wrote" in run("app", "state", "export", "digits", "--to", file).stdout
    assert file.read_bytes() == LINES
    assert "goes on from 1 state of" in run("app", "state", "import", "digits", file).stdout
    assert (plane.last.query, plane.last.body) == ({"app_name": "digits"}, LINES)
    assert plane.last.headers["authorization"] == "Bearer secret"
    assert "No such file" in run("app", "state", "import", "digits", tmp_path / "x").stderr


def test_refused_export_leaves_no_file(run: Run, plane: FakePlane, tmp_path: Path) -> None:
    plane.says("/admin/export_states", {"error": "not_found", "cause": "No application", "detail": ""}, 404)
    result = run("app", "state", "export", "x", "--to", tmp_path / "x")
    assert (result.exit_code, "No application" in result.stderr) == (1, True)
    assert not (tmp_path / "x").exists()


def test_reset_asks_unless_told_not_to(run: Run, plane: FakePlane) -> None:
    assert run("app", "state", "reset", "digits", stdin=b"n\n").exit_code == 1
    assert not plane.asked
    assert "is forgotten" in run("app", "state", "reset", "digits", stdin=b"y\n").stdout
    assert "is forgotten" in run("app", "state", "reset", "digits", "--yes").stdout
    assert plane.last.json == {"app_name": "digits"}


def interval(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.02, "high": mean + 0.02}


def row(policy: str, model: str | None, mean: float, told: int, why: str = "") -> dict[str, object]:
    estimates = {"earned": interval(mean), "ips": interval(mean)}
    return {"policy": policy, "model": model, "current": policy == "hedge", "told": told, "why": why, **estimates}


def test_policies_are_a_table_of_what_they_would_have_earned(run: Run, plane: FakePlane) -> None:
    rows = [row("exp3", None, 0.95, 200), row("static", "svm", 0.9, 200), row("hedge", None, 0.8, 1500)]
    rows.append(row("majority", None, 0.5, 0, "not asked"))
    table = {"application": "digits", "queries": 2000, "earned": interval(0.85), "policies": rows}
    plane.says("/admin/compare_policies", table)
    said, regret, _, exp3, svm, hedge, majority = run("app", "policies", "digits").stdout.splitlines()
    assert said == "digits earned 85.0% (83.0% to 87.0%) on its newest 2,000 queries with feedback"
    assert regret == "Regret against its best single model: 100.0"
    assert exp3.split()[:2] == ["exp3", "95.0%"]
    assert svm.startswith("svm alone")
    assert hedge.split()[:3] == ["hedge", "(now)", "80.0%"]
    assert hedge.endswith("1,500")
    assert "not asked" in majority
    assert json.loads(run("app", "policies", "digits", "--json").stdout) == table
    plane.says("/admin/compare_policies", {**table, "queries": 0})
    assert "No query of digits has been judged" in run("app", "policies", "digits").stdout


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("undecided", "; undecided: svm against bayes (-0.100 to +0.200)"),
        ("promote", "; svm is promoted (-0.100 to +0.200)"),
        ("roll_back", "; svm is rolled back (-0.100 to +0.200)"),
    ],
)
def test_verdict_on_a_split_is_said(run: Run, plane: FakePlane, verdict: str, said: str) -> None:
    test = {"candidate": "svm", "current": "bayes", "verdict": verdict, "low": -0.1, "high": 0.2}
    plane.says("/admin/get_weights", {**KNOWN, "policy": "split", "verdict": test})
    assert run("app", "weights", "digits").stdout.splitlines()[0] == f"digits: split, all contexts{said}"
