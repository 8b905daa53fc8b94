"""`clipper predict` and `feedback` send what the shell gives them as what the application takes."""

import json
from pathlib import Path

import pytest

from clipper.cli.queries import as_input
from clipper.core.errors import ClipperError
from tests.unit.cli.conftest import Run
from tests.unit.client.fake import Answer, FakePlane

ANSWER = {"query_id": 7, "output": 3, "default": False}


@pytest.fixture(autouse=True)
def planes(admin: FakePlane, query: FakePlane) -> None:
    admin.says("/admin/get_application", {"name": "a", "input_type": "doubles"})
    query.says("/a/predict", ANSWER)
    query.answers["/a/update"] = Answer(b"Feedback received? 1", content_type="text/plain")


def test_output_is_printed_and_the_rest_beside_it(run: Run) -> None:
    result = run("predict", "a", "[1, 2.5]")
    assert result.stdout == "3\n"
    assert result.stderr == "query_id 7\n"


def test_answer_says_of_whom_it_consists(run: Run, query: FakePlane) -> None:
    query.says("/a/predict", ANSWER | {"confidence": 0.5, "models": {"a": 0.75, "b": 0.25}, "missing": ["c"]})
    assert run("predict", "a", "[1]").stderr == "query_id 7, confidence 0.5, of a 0.75, b 0.25, without c\n"


def test_default_says_why(run: Run, query: FakePlane) -> None:
    query.says("/a/predict", {"query_id": 8, "output": "none", "default": True, "default_explanation": "too late"})
    result = run("predict", "a", "[1]")
    assert (result.exit_code, result.stdout) == (0, "none\n")
    assert "the default output: too late" in result.stderr


def test_prediction_is_json_for_programs(run: Run) -> None:
    unsaid: dict[str, object] = {
        "default_explanation": None,
        "cache": None,
        "confidence": None,
        "models": None,
        "missing": [],
    }
    assert json.loads(run("predict", "a", "[1]", "--json").stdout) == ANSWER | unsaid


def test_input_comes_from_a_file_or_standard_input(run: Run, query: FakePlane, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1,\n 2]\n", encoding="utf-8")
    run("predict", "a", f"@{tmp_path / 'x.json'}", "--version", 2, "--context", "me")
    assert query.last.json == {"input": [1, 2], "version": "2", "context": "me"}
    run("predict", "a", "-", stdin=b"[3]")
    assert query.last.json == {"input": [3]}


def test_missing_file_is_named(run: Run, tmp_path: Path) -> None:
    assert "nothing.json" in run("predict", "a", f"@{tmp_path / 'nothing.json'}").stderr


@pytest.mark.parametrize(
    ("content", "input_type", "expected"),
    [
        (b"[1, 2]", "doubles", [1, 2]),
        (b"[[1], [2]]", "integers", [[1], [2]]),
        (b"hello", "strings", "hello"),
        (b'"hello"', "strings", '"hello"'),
        (b"[1]", "strings", "[1]"),
        (b"\x89PNG", "bytes", b"\x89PNG"),
        (b"hello", None, "hello"),
        (b"[1]", None, [1]),
    ],
)
def test_input_is_what_the_application_takes(content: bytes, input_type: str | None, expected: object) -> None:
    assert as_input(content, input_type) == expected


@pytest.mark.parametrize(("content", "input_type"), [(b"1, 2", "doubles"), (b"\xff", "strings"), (b"\xff", None)])
def test_input_of_another_type_is_refused(content: bytes, input_type: str | None) -> None:
    with pytest.raises(ClipperError, match="Invalid INPUT"):
        as_input(content, input_type)


def test_query_is_answered_while_the_controller_is_down(run: Run, admin: FakePlane, query: FakePlane) -> None:
    admin.says("/admin/get_application", {"error": "unavailable", "cause": "restarting"}, 503)
    assert run("predict", "a", "[1]").stdout == "3\n"


def test_feedback_names_a_query_or_an_input(run: Run, query: FakePlane) -> None:
    assert run("feedback", "a", "--query-id", 7, "--label", 3).stdout == "Feedback received\n"
    assert query.last.json == {"label": 3, "query_id": 7}
    run("feedback", "a", "--input", "[1]", "--label", "cat", "--context", "me")
    assert query.last.json == {"label": "cat", "input": [1], "context": "me"}
    assert "either query_id or input" in run("feedback", "a", "--label", 1).stderr
    run("feedback", "a", "--query-id", 7, "--reward", 0.5, "--idempotency-key", "order-7")
    assert query.last.json == {"reward": 0.5, "query_id": 7, "idempotency_key": "order-7"}
    assert "either label or reward" in run("feedback", "a", "--query-id", 7).stderr
