"""What a newcomer types, from a model's file to a rolled back version, against a real server."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from tests.e2e.operators.conftest import DEADLINE_S, processes_of, wait_for

DIGITS, LABELS = load_digits(return_X_y=True)
ZERO = json.dumps(DIGITS[0].tolist())


class Shell:
    """A shell in one folder, where `clipper` finds its home through the environment."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "CLIPPER_HOME": str(home), "NO_COLOR": "1"}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `clipper` to its end."""
        command = [sys.executable, "-m", "clipper", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )

    def said(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """What a command that fails prints: one line, no traceback of ours."""
        done = self.run(*arguments)
        assert done.returncode == 1
        assert "clipper/cli" not in done.stderr
        return done.stderr


@pytest.fixture
def shell(tmp_path: Path, home: Path) -> Shell:
    return Shell(tmp_path, home)


def test_newcomers_first_minutes(shell: Shell) -> None:
    joblib.dump(DecisionTreeClassifier(random_state=1).fit(DIGITS, LABELS), shell.folder / "model.joblib")
    joblib.dump(GaussianNB().fit(DIGITS, LABELS), shell.folder / "bayes.joblib")
    deployed = shell.said("deploy", "model.joblib", "--name", "tree", "--app", "digits", "--slo-ms", "500")
    assert "Linked tree to application digits" in deployed
    assert shell.said("predict", "digits", ZERO) == "0\n"
    prediction = json.loads(shell.said("predict", "digits", ZERO, "--json"))
    assert (prediction["output"], prediction["default"]) == (0, False)
    shell.said("feedback", "digits", "--query-id", str(prediction["query_id"]), "--label", "0")
    assert "answers with version 2" in shell.said("deploy", "bayes.joblib", "--name", "tree", "--app", "digits")
    status = shell.said("status")
    assert "digits" in status
    assert "current" in status
    assert "answers with version 1; it was 2" in shell.said("rollback", "tree")
    assert "2 replicas" in shell.said("replica", "set", "tree", "2")
    state = json.loads(shell.said("status", "--json"))
    assert sum(each["version"] == "1" for each in state["replicas"] if each["model"] == "tree") == 2
    assert state["measures"]["digits"]["queries"] >= 2
    assert "Ready: tree version 1" in shell.said("logs", "tree", "--version", "1")
    shell.said("app", "delete", "digits")
    shell.said("model", "delete", "tree")
    assert "tree" not in shell.said("model", "list")


def test_application_and_model_are_tuned_while_they_serve(shell: Shell) -> None:
    (shell.folder / "sums.py").write_text("def total(inputs):\n    return [float(x.sum()) for x in inputs]\n")
    made = ["--slo-ms", "500", "--priority", "3", "--max-disagreement", "0", "--batching", "aimd"]
    shell.said("app", "create", "tuned", *made)
    shell.said("deploy", "sums.py:total", "--name", "sums", "--app", "tuned", "--batch-size", "8", "--example", "[1]")
    answers = [json.loads(shell.said("predict", "tuned", "[1, 2]", "--json")) for _ in range(2)]
    assert [(each["output"], each["cache"]) for each in answers] == [(3.0, None), (3.0, "exact")]
    shown = shell.said("app", "set", "tuned", "--no-cache", "--cache-ttl-s", "60")
    assert ["cache", "no"] in [line.split() for line in shown.splitlines()]
    assert shell.said("app", "show", "tuned") == shown
    answer = json.loads(shell.said("predict", "tuned", "[1, 2]", "--json"))
    assert (answer["output"], answer["default"], answer["cache"]) == (3.0, False, None)
    shell.said("model", "set", "sums", "1", "--batching", "deadline", "--batch-delay-ms", "-1", "--batch-size", "-1")
    state = json.loads(shell.said("status", "--json"))
    (tuned,) = (each for each in state["applications"] if each["name"] == "tuned")
    assert (tuned["priority"], tuned["cache"], tuned["cache_ttl_s"], tuned["batching"]) == (3, False, 60, "aimd")
    (sums,) = (each for each in state["models"] if each["name"] == "sums")
    assert (sums["batching"], sums["batch_delay_ms"], sums["batch_size"]) == ("deadline", -1, -1)
    assert shell.said("predict", "tuned", "[4]") == "4.0\n"
    assert "expected 0 to 9" in shell.refused("app", "set", "tuned", "--priority", "10")
    assert "expected at least one of" in shell.refused("model", "set", "sums")


def test_model_that_does_not_work_is_explained(shell: Shell) -> None:
    (shell.folder / "mine.py").write_text("def f(inputs):\n    return inputs.no_such_thing\n", encoding="utf-8")
    for flags in ([], ["--dry-run"]):
        said = shell.refused("deploy", "mine:f", "--example", "[1]", *flags)
        assert "return inputs.no_such_thing" in said
        assert "error: " in said.splitlines()[-1]
    assert "mine" not in shell.said("model", "list")


def test_function_of_a_file_takes_its_neighbours_along(shell: Shell) -> None:
    (shell.folder / "weights.py").write_text("FACTOR = 3.0\n", encoding="utf-8")
    (shell.folder / "scoring.py").write_text(
        "import weights\ndef score(inputs):\n    return [float(x.sum()) * weights.FACTOR for x in inputs]\n",
        encoding="utf-8",
    )
    shell.said("deploy", "scoring.py:score", "--app", "scored", "--slo-ms", "500", "--example", "[1]")
    assert shell.said("predict", "scored", "[1, 2]") == "9.0\n"


def test_second_server_on_one_home_is_refused(shell: Shell, home: Path) -> None:
    assert f"serves from {home}" in shell.refused("serve", "--query-port", "0", "--admin-port", "0")


def test_taken_port_is_named(shell: Shell, home: Path, tmp_path: Path) -> None:
    port = str(json.loads((home / "run" / "server.json").read_bytes())["query_port"])
    said = shell.refused("serve", "--home", str(tmp_path / "other"), "--query-port", port, "--admin-port", "0")
    assert f"Port {port}" in said
    assert "--query-port" in said


def test_interrupted_server_ends_cleanly(tmp_path: Path) -> None:
    flags = ["--home", str(tmp_path / "home"), "--query-port", "0", "--admin-port", "0"]
    command = [sys.executable, "-m", "clipper", "serve", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        assert "ready" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(DEADLINE_S) == 0
        assert server.stderr.read() == ""
    wait_for(lambda: not processes_of(tmp_path), "ending after an interruption")


def test_interrupted_watch_ends_cleanly(shell: Shell) -> None:
    command = [sys.executable, "-m", "clipper", "logs", "--follow", "watched"]
    (shell.folder / "plain.py").write_text("def f(inputs):\n    return [0 for _ in inputs]\n", encoding="utf-8")
    shell.said("deploy", "plain.py:f", "--name", "watched")
    with subprocess.Popen(
        command, cwd=shell.folder, env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        assert "Loaded" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(DEADLINE_S) == 130
        assert follower.stderr.read() == ""
