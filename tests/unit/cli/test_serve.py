"""`clipper serve` turns flags into settings; `clipper config show` says what they would be."""

import json
from pathlib import Path

import pytest

from clipper.settings import ServeSettings
from clipper.store import StoreConfig
from tests.unit.cli.conftest import Run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ServeSettings, bool]]:
    """What the server was started with."""
    calls: list[tuple[ServeSettings, bool]] = []

    def serve(settings: ServeSettings, *, stop_on_stdin_close: bool) -> int:
        calls.append((settings, stop_on_stdin_close))
        return 0

    monkeypatch.setattr("clipper.server.run", serve)
    return calls


def test_flags_are_settings(run: Run, served: list[tuple[ServeSettings, bool]], tmp_path: Path) -> None:
    flags = ["--home", tmp_path, "--query-port", 0, "--admin-port", 5, "--frontends", 2, "--admin-auth", "none"]
    assert run("serve", *flags, "--stop-on-stdin-close").exit_code == 0
    settings = ServeSettings(home=tmp_path, query_port=0, admin_port=5, frontends=2, admin_auth="none")
    assert served == [(settings, True)]


def test_store_of_the_selection_states_is_a_flag(
    run: Run, served: list[tuple[ServeSettings, bool]], home: Path
) -> None:
    assert run("serve", "--store", "redis://host/3").exit_code == 0
    assert served == [(ServeSettings(home=home, store=StoreConfig(url="redis://host/3")), False)]


def test_store_that_is_no_url_is_refused(run: Run) -> None:
    refused = run("serve", "--store", "mongodb://host/3")
    assert refused.exit_code != 0
    assert "expected one such as redis://host:6379/0" in " ".join(refused.output.split())


def test_config_does_not_show_the_stores_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPPER_STORE_URL", "rediss://user:secret@host:6379/0")
    shown = json.loads(run("config", "show", "--json").output)["store.url"]
    assert shown == {"value": "rediss://user:***@host:6379/0", "source": "CLIPPER_STORE_URL"}


def test_without_flags_the_environment_counts(
    run: Run, served: list[tuple[ServeSettings, bool]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPER_FRONTENDS", "3")
    assert run("serve").exit_code == 0
    assert served == [(ServeSettings(home=home, frontends=3), False)]


@pytest.mark.parametrize(
    ("flags", "code"),
    [(["--admin-auth", "nobody"], 1), (["--query-port", 70000], 2), (["--frontends", 0], 2), (["--frontends", 65], 1)],
)
def test_bad_flag_is_refused(
    run: Run, served: list[tuple[ServeSettings, bool]], flags: list[object], code: int
) -> None:
    result = run("serve", *flags)
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert not served


def test_misspelt_variable_is_named(
    run: Run, served: list[tuple[ServeSettings, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPER_FRONTEND", "2")
    result = run("serve")
    assert result.exit_code == 1
    assert "nearest known one is 'CLIPPER_FRONTENDS'" in result.stderr


def test_settings_are_shown_with_their_sources(run: Run, home: Path) -> None:
    home.mkdir()
    (home / "clipper.toml").write_text("[store]\ngroup_limit = 7\n", encoding="utf-8")
    shown = run("config", "show")
    assert "query_port" in shown.stdout
    document = json.loads(run("config", "show", "--json").stdout)
    assert document["store.group_limit"] == {"value": 7, "source": str(home / "clipper.toml")}
    assert document["query_port"] == {"value": 1337, "source": "default"}
    assert document["home"] == {"value": str(home), "source": "CLIPPER_HOME"}
