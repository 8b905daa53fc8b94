"""Help is there for every command, and whatever goes wrong is one line, an exit code and a next step."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from clipper import __version__
from clipper.cli.main import app
from tests.unit.cli.conftest import Run
from tests.unit.client.fake import Answer, FakePlane


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    yield path
    for each in group.registered_commands:
        assert each.name is not None
        yield (*path, each.name)
    for nested in group.registered_groups:
        assert nested.typer_instance is not None
        assert nested.name is not None
        yield from commands(nested.typer_instance, (*path, nested.name))


def plain(text: str) -> str:
    """A text without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("path", list(commands(app)), ids=" ".join)
def test_every_command_says_what_it_does(run: Run, path: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        result = run(*path, flag)
        assert result.exit_code == 0
        assert "Usage" in plain(result.output)


@pytest.mark.parametrize("path", [path for path in commands(app) if path], ids=" ".join)
def test_every_option_is_explained(run: Run, path: tuple[str, ...]) -> None:
    for line in plain(run(*path, "--help").output).splitlines():
        if words := re.match(r"│ [*]?\s+(--[a-z-]+.*?)│$", line):
            assert len(words[1].split()) > 2, f"{' '.join(path)}: {words[1]}"


def test_commands_are_those_of_the_manual() -> None:
    assert {path[0] for path in commands(app) if path} == {
        "serve",
        "deploy",
        "bench",
        "bundle",
        "env",
        "predict",
        "feedback",
        "status",
        "logs",
        "rollback",
        "demo",
        "app",
        "model",
        "replica",
        "config",
    }


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version").output in {f"clipper {__version__} (hot path {how})\n" for how in ("compiled", "in Python")}


def test_help_loads_nothing_heavy() -> None:
    program = "import sys, clipper.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"numpy", "urllib3", "lmdb", "starlette", "uvicorn", "clipper.client", "clipper.server", "clipper.settings"}
    assert not heavy & set(loaded.stdout.split())


def test_module_is_the_same_command() -> None:
    command = [sys.executable, "-m", "clipper", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.startswith(f"clipper {__version__} (hot path ")


def test_nothing_running_says_what_to_start(run: Run) -> None:
    result = run("status")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "`clipper serve --home" in result.stderr
    assert result.stderr.count("\n") == 1


def test_refusal_is_one_line(run: Run, admin: FakePlane, query: FakePlane) -> None:
    admin.answers["/admin/delete_app"] = Answer(b"No application with name 'x' exists.", 400, "text/plain")
    result = run("app", "delete", "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: No application with name 'x' exists.\n"


def test_containers_traceback_comes_first(run: Run, admin: FakePlane, query: FakePlane) -> None:
    admin.says(
        "/admin/set_num_replicas", {"error": "model_failed", "cause": "It broke", "detail": "Traceback\n  x"}, 422
    )
    result = run("replica", "set", "svm", 2)
    assert result.stderr == "Traceback\n  x\nerror: It broke\n"


def test_bug_of_ours_is_one_line_unless_asked(run: Run, admin: FakePlane, query: FakePlane) -> None:
    admin.says("/admin/get_all_models", [{"unexpected": 1}])
    result = run("model", "list")
    assert result.exit_code == 1
    assert "KeyError: 'model_name'" in result.stderr
    assert "bug of Clipper" in result.stderr
    with pytest.raises(KeyError):
        run("--traceback", "model", "list")


def test_misspelt_command_is_a_usage_error(run: Run) -> None:
    result = run("statsu")
    assert result.exit_code == 2
    assert "statsu" in plain(result.stderr)


def test_interruption_is_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clipper.client.connect", interrupted)
    result = run("status")
    assert result.exit_code == 130
    assert "Traceback" not in result.output
