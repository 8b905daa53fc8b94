"""Logs are found, told by their ends, and do not grow without bound."""

from pathlib import Path

import pytest

from clipper.management.config import ArtifactConfig
from clipper.management.logs import LogFiles


@pytest.fixture
def logs(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path / "logs", ArtifactConfig(max_log_bytes=100, max_error_bytes=20))


def test_last_lines(logs: LogFiles) -> None:
    logs.path("m", "1", 0).write_text("one\ntwo\nthree\n")
    assert logs.last_lines("m", "1", 0, 2) == "two\nthree\n"
    assert logs.last_lines("m", "1", 0, 100) == "one\ntwo\nthree\n"
    assert logs.last_lines("m", "1", 7, 100) == ""


def test_replicas_that_are_gone_keep_their_logs(logs: LogFiles) -> None:
    for replica_id in (10, 2):
        logs.path("m", "1", replica_id).touch()
    assert logs.replicas_of("m", "1") == [2, 10]
    assert logs.replicas_of("m", "2") == []


def test_error_is_what_this_run_wrote_at_its_end(logs: LogFiles) -> None:
    log = logs.path("m", "1", 0)
    log.write_text("an earlier run\n")
    start = logs.size(log)
    with log.open("a") as file:
        file.write("starting\n")
    assert logs.error_of(log, start) == "starting\n"
    with log.open("a") as file:
        file.write("x" * 100 + "\nValueError: no\n")
    assert logs.error_of(log, start).endswith("ValueError: no\n")
    assert len(logs.error_of(log, start)) == 20


def test_error_survives_a_cut_in_between(logs: LogFiles) -> None:
    log = logs.path("m", "1", 0)
    log.write_text("x" * 200)
    start = logs.size(log)
    logs.cut_if_large(log)
    with log.open("a") as file:
        file.write("ValueError: no\n")
    assert logs.error_of(log, start) == "ValueError: no\n"


def test_large_log_is_cut_while_it_is_written(logs: LogFiles) -> None:
    log = logs.path("m", "1", 0)
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a\n" * 100)
        logs.cut_large()
        writer.write(b"b\n")
        assert log.read_bytes() == b"b\n"
    assert logs.last_lines("m", "1", 0, 3) == "a\na\nb\n"
    assert log.with_suffix(".log.1").stat().st_size == 100


def test_small_log_is_left_alone(logs: LogFiles) -> None:
    log = logs.path("m", "1", 0)
    log.write_text("short")
    logs.cut_large()
    assert log.read_text() == "short"


def test_bytes_that_are_no_text_are_shown(logs: LogFiles) -> None:
    logs.path("m", "1", 0).write_bytes(b"\xff\n")
    assert logs.last_lines("m", "1", 0, 1) == "\ufffd\n"


def test_deleted_version_leaves_no_folder(logs: LogFiles, tmp_path: Path) -> None:
    logs.path("m", "1", 0).touch()
    logs.path("m", "2", 0).touch()
    logs.delete("m", "1")
    logs.delete("m", "never")
    assert [each.name for each in (tmp_path / "logs" / "m").iterdir()] == ["2"]
    logs.delete("m", "2")
    assert not (tmp_path / "logs" / "m").exists()
