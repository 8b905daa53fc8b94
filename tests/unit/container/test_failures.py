import logging
import traceback

import pytest

from clipper.container import failures
from clipper.container.failures import (
    LOG_INTERVAL_S,
    MAX_MESSAGE_CHARACTERS,
    FailureLog,
    Stage,
    model_error,
    summary,
    user_traceback,
)


def caught(raises: Exception) -> Exception:
    try:
        raise raises
    except Exception as error:
        return error


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_summary_is_the_last_line_of_the_traceback() -> None:
    assert summary(TypeError("no")) == "TypeError: no"
    assert summary(KeyError()) == "KeyError"
    assert summary(SystemExit(3)) == "SystemExit: 3"


def test_summary_keeps_notes() -> None:
    error = ValueError("no")
    error.add_note("in row 7")
    assert summary(error) == "ValueError: no\nin row 7"


def test_summary_is_bounded_and_survives_an_error_that_cannot_be_printed() -> None:
    assert len(summary(ValueError("x" * 10_000))) == MAX_MESSAGE_CHARACTERS
    assert "Unprintable" in summary(Unprintable())


def test_traceback_starts_in_the_models_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def model() -> None:
        raise ValueError("no")

    def ours() -> None:
        model()

    try:
        ours()
    except ValueError as error:
        assert "in ours" in user_traceback(error)
        monkeypatch.setattr(failures, "_is_ours", lambda entry: entry.tb_frame.f_code.co_name != "model")
        text = user_traceback(error)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "in model" in text
    assert "in ours" not in text


def test_traceback_that_never_enters_the_models_code_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_is_ours", lambda entry: True)
    error = caught(ValueError("no"))
    assert user_traceback(error) == "".join(traceback.format_exception(error))


def test_failed_import_names_the_module_and_the_next_step() -> None:
    error = model_error(Stage.EXAMPLE, "Predicting", caught(ModuleNotFoundError("No module", name="torch.nn")))
    assert error.stage is Stage.IMPORT
    assert "'torch.nn' cannot be imported" in error.message
    assert "requirements=['torch']" in error.message
    assert "ModuleNotFoundError" in error.detail


def test_other_failure_keeps_its_stage() -> None:
    error = model_error(Stage.LOAD, "Loading function.pkl", caught(ValueError("no")))
    assert (error.stage, error.message) == (Stage.LOAD, "Loading function.pkl failed: ValueError: no")


def test_exit_codes_are_those_the_supervisor_knows() -> None:
    assert {stage.name: int(stage) for stage in Stage} == {"IMPORT": 3, "LOAD": 4, "EXAMPLE": 5}


def test_log_shows_one_traceback_at_a_time_and_counts_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    log = FailureLog(lambda: now)
    with caplog.at_level(logging.ERROR):
        for step in (0.0, 0.1, 0.2, LOG_INTERVAL_S):
            now = 100.0 + step
            log.write("Predicting", caught(ValueError(f"at {step}")))
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("Predicting failed\nTraceback")
    assert "ValueError: at 0.0" in first
    assert second.startswith("Predicting failed (2 more failures since the last one shown)\n")
