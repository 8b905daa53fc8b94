"""`clipper logs` prints the ends of logs, and with --follow only what is new."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.cli.replicas import appended, new_lines
from tests.unit.cli.conftest import Run
from tests.unit.client.fake import FakePlane


def log(text: str, replica_id: int = 0) -> dict[str, Any]:
    return {"model": "svm", "version": "1", "replica_id": replica_id, "text": text}


def test_log_is_printed(run: Run, admin: FakePlane, query: FakePlane) -> None:
    admin.says("/admin/get_logs", {"logs": [log("one\ntwo\n")]})
    assert run("logs", "svm", "--version", 1, "--replica", 0, "-n", 5).stdout == "one\ntwo\n"
    assert admin.last.json == {"model_name": "svm", "model_version": "1", "replica_id": 0, "lines": 5}


def test_several_logs_are_told_apart(run: Run, admin: FakePlane, query: FakePlane) -> None:
    admin.says("/admin/get_logs", {"logs": [log("a\n"), log("b\n", 1)]})
    assert run("logs", "svm").stdout == "1/0 | a\n1/1 | b\n"


@pytest.mark.parametrize("logs", [[], [log("")]])
def test_empty_logs_are_said(run: Run, admin: FakePlane, query: FakePlane, logs: list[dict[str, Any]]) -> None:
    admin.says("/admin/get_logs", {"logs": logs})
    assert "have written nothing" in run("logs", "svm").stdout


def test_only_new_lines_are_printed() -> None:
    printed: dict[tuple[str, int], str] = {}
    assert list(new_lines([log("one\n")], printed)) == ["one"]
    assert list(new_lines([log("one\n")], printed)) == []
    assert list(new_lines([log("one\ntwo\n")], printed)) == ["two"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "a\n", "a\n"),
        ("a\nb\n", "b\nc\n", "c\n"),
        ("a\nb\n", "a\nb\n", ""),
        ("b\n", "b\nc\n", "c\n"),
        ("b\nb\nb\n", "b\nb\nb\nb\n", "b\n"),
        ("a\nb\nb\n", "b\nb\nb\n", "b\n"),
        ("ab\nb\n", "b\nc\n", "c\n"),
        ("one\npar", "one\npartial\n", "tial\n"),
        ("one\ntwo\n", "other\n", "other\n"),
        ("one\n", "", ""),
    ],
)
def test_what_was_seen_is_found_in_what_comes(before: str, after: str, expected: str) -> None:
    assert appended(before, after) == expected


@given(st.lists(st.sampled_from(["a", "b", "cc"])), st.lists(st.sampled_from(["a", "d"])), st.integers(0, 5))
def test_nothing_new_is_lost_between_two_looks(old: list[str], new: list[str], dropped: int) -> None:
    before = "".join(f"{line}\n" for line in old)
    after = "".join(f"{line}\n" for line in [*old[dropped:], *new])
    shown = appended(before, after)
    assert after.endswith(shown)
    if dropped == 0:
        assert shown == "".join(f"{line}\n" for line in new)
