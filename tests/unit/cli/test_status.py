"""`clipper status` shows everything that exists, and how queries are doing if a frontend can say."""

import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.client.fake import Answer, FakePlane


def replica(replica_id: int, state: str, error: str = "") -> dict[str, Any]:
    return {
        "model": "svm",
        "version": "2",
        "replica_id": replica_id,
        "state": state,
        "restarts": 3,
        "error": error,
    }


def model(version: str, *, current: bool, bundle: str | None = "abc", batch_size: int = -1) -> dict[str, Any]:
    return {
        "name": "svm",
        "version": version,
        "current": current,
        "bundle": bundle,
        "replicas": 2,
        "batch_size": batch_size,
        "batching": "",
    }


SPLIT = {"policy": "split", "policy_config": {"verdict": {"candidate": "svm", "current": "old"}}}
PLAIN = {"policy": "majority", "policy_config": {}}
STATE: dict[str, Any] = {
    "revision": 4,
    "applications": [
        {"name": "digits", "input_type": "doubles", "latency_slo_micros": 20_000, "models": ["svm"], **SPLIT},
        {"name": "empty", "input_type": "strings", "latency_slo_micros": 500, "models": [], **PLAIN},
    ],
    "models": [model("1", current=False, bundle=None), model("2", current=True, batch_size=8)],
    "replicas": [replica(0, "ready"), replica(1, "backoff", "Traceback\n  x\nValueError: no\n")],
}
METRICS = """\
# HELP clipper_queries_total .
# TYPE clipper_queries_total counter
clipper_queries_total{application="digits"} 200.0
# HELP clipper_default_predictions_total .
# TYPE clipper_default_predictions_total counter
clipper_default_predictions_total{application="digits",reason="late"} 1.0
"""


@pytest.fixture(autouse=True)
def planes(admin: FakePlane, query: FakePlane) -> None:
    admin.says("/admin/state", STATE)
    query.answers["/metrics"] = Answer(METRICS.encode(), content_type="text/plain; version=0.0.4")


def line_of(text: str, *words: str) -> str:
    return next(line for line in text.splitlines() if line.split()[: len(words)] == list(words))


def test_applications_are_shown_with_their_traffic(run: Run) -> None:
    shown = run("status").stdout
    about = ["digits", "doubles", "20", "ms", "svm", "split:", "svm", "against", "old"]
    assert line_of(shown, "digits").split() == [*about, "200", "0.50%", "0", "-", "-"]
    assert "its default output" in line_of(shown, "empty")


@pytest.mark.parametrize(("decided", "said"), [("promote", "promoted"), ("roll_back", "rolled back")])
def test_verdict_on_a_split_is_said(run: Run, admin: FakePlane, decided: str, said: str) -> None:
    verdict = {"candidate": "svm", "current": "old", "decided": decided}
    split = {**STATE["applications"][0], "policy_config": {"verdict": verdict}}
    admin.says("/admin/state", {**STATE, "applications": [split]})
    assert f"split: svm {said}" in line_of(run("status").stdout, "digits")


def test_models_are_shown_with_their_replicas(run: Run) -> None:
    shown = run("status").stdout
    assert "by hand" in line_of(shown, "svm", "1")
    words = line_of(shown, "svm", "2").split()
    assert words == ["svm", "2", "current", "1/2", "backoff,", "ready", "6", "8", "0", "ValueError:", "no"]


def test_silent_frontend_is_no_reason_to_show_nothing(run: Run, query: FakePlane) -> None:
    query.answers["/metrics"] = Answer(b"", 503)
    assert "?" in line_of(run("status").stdout, "digits").split()


def test_empty_server_says_what_to_do(run: Run, admin: FakePlane) -> None:
    admin.says("/admin/state", {"revision": 0, "applications": [], "models": [], "replicas": []})
    assert "`clipper deploy MODEL --app NAME`" in run("status").stdout


def test_state_is_json_for_programs(run: Run, query: FakePlane) -> None:
    shown = json.loads(run("status", "--json").stdout)
    digits = shown.pop("measures")["digits"]
    assert shown == STATE
    assert digits == {"queries": 200.0, "defaults": 1.0, "queries_per_s": 0.0, "p50_s": None, "p99_s": None}
    query.answers["/metrics"] = Answer(b"", 503)
    assert json.loads(run("status", "--json").stdout)["measures"] is None


def test_watching_goes_on_until_interrupted(run: Run, admin: FakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("clipper.cli.status.sleep", wait)
    assert run("status", "--watch").exit_code == 130
    assert [each.path for each in admin.asked] == ["/admin/state"] * 2
