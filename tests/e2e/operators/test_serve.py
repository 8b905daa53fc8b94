"""Three lines serve a function; nothing is left of it afterwards, however the program ends."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import clipper
from clipper.client import ClipperError
from clipper.core.errors import ErrorCode
from tests.e2e.operators.conftest import processes_of, wait_for

KILLED = """
import os, sys
import clipper
app = clipper.serve(lambda inputs: [0 for _ in inputs])
app.predict([1.0])
print(app._server.home, flush=True)
sys.stdin.read()
"""
LEFT_OPEN = """
import clipper
app = clipper.serve(lambda inputs: [float(sum(each)) for each in inputs])
print(app._server.home, app.predict([1.0, 2.0]).output)
"""


def total(inputs: Any) -> list[float]:
    return [float(np.sum(each)) for each in inputs]


def test_function_is_served_and_nothing_is_left() -> None:
    with clipper.serve(total, slo_ms=500, example=[1, 2]) as app:
        home = app._server.home
        assert app.predict([1.0, 2.0]).output == 3.0
        assert app.predict(np.array([1.5, 2.0])).output == 3.5
        assert [each.output for each in app.predict_batch(np.ones((2, 3)))] == [3.0, 3.0]
        assert [each.output for each in app.predict_batch([[1], [2, 3]])] == [1.0, 5.0]
        app.feedback(3.0, query_id=app.predict([4.0]).query_id)
        with pytest.raises(ClipperError, match="expected a number") as caught:
            app.predict(["x"])
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert processes_of(home) == []
    assert not home.exists()
    app.close()


def test_texts_and_estimators_are_served() -> None:
    with clipper.serve(lambda xs: [x.upper() for x in xs], input_type="strings", slo_ms=500) as app:
        assert app.predict("abc").output == "ABC"
    model = LogisticRegression().fit(np.array([[0.0, 1.0], [1.0, 0.0]]), [0, 1])
    with clipper.serve(model, slo_ms=500) as app:
        assert app.predict([1.0, 0.0]).output == 1


def test_function_that_fails_in_its_container_is_told_and_nothing_is_left(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("s")  # sockets lie in it, whose names are bounded
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)

    class Unloadable:
        def __getstate__(self) -> dict[str, int]:
            return {"a": 1}

        def __setstate__(self, state: dict[str, int]) -> None:
            raise RuntimeError("no way back")

        def predict_batch(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(ClipperError) as caught:
        clipper.serve(Unloadable())
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert "no way back" in caught.value.detail
    assert list(folder.iterdir()) == []
    assert processes_of(folder) == []


def test_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPPER_FRONTENDZ", "2")
    with pytest.raises(ClipperError) as caught:
        clipper.serve(total)
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert "CLIPPER_FRONTENDS" in caught.value.detail


def test_server_ends_when_its_program_is_killed() -> None:
    program = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdin is not None
    assert program.stdout is not None
    home = Path(program.stdout.readline().decode().strip())
    assert processes_of(home)
    program.kill()
    program.wait()
    program.stdin.close()
    program.stdout.close()
    wait_for(lambda: not processes_of(home), "ending after the program was killed")
    shutil.rmtree(home)  # a program that was killed cannot remove it


def test_program_that_forgets_to_close_leaves_nothing() -> None:
    shown = subprocess.run([sys.executable, "-c", LEFT_OPEN], capture_output=True, text=True, check=True, timeout=100)
    home, output = shown.stdout.split()
    assert output == "3.0"
    assert processes_of(Path(home)) == []
    assert not Path(home).exists()
