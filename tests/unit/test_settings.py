"""Settings come from flags, environment, file and defaults, in that order, and nothing unknown passes."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper import settings
from clipper.core.errors import ClipperError, ErrorCode
from clipper.settings import ServeSettings
from clipper.store.config import StoreConfig


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def write(home: Path, text: str) -> None:
    (home / "clipper.toml").write_text(text, encoding="utf-8")


def refusal(home: Path, environment: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(ClipperError) as caught:
        settings.load({"home": home, **flags}, environment or {})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    return caught.value.message


def test_defaults_are_those_of_the_dataclasses(home: Path) -> None:
    assert settings.load({"home": home}, {}) == ServeSettings(home=home)


def test_strongest_source_wins(home: Path) -> None:
    write(home, "query_port = 1\nadmin_port = 1\nfrontends = 2\n")
    environment = {"CLIPPER_QUERY_PORT": "2", "CLIPPER_ADMIN_PORT": "2"}
    loaded = settings.load({"home": home, "query_port": 3, "admin_port": None}, environment)
    assert (loaded.query_port, loaded.admin_port, loaded.frontends) == (3, 2, 2)


def test_section_is_a_table_and_a_variable(home: Path) -> None:
    write(home, "[store]\ngroup_limit = 7\n")
    loaded = settings.load({"home": home}, {"CLIPPER_STORE_QUEUE_LIMIT": "9"})
    assert loaded.store == StoreConfig(group_limit=7, queue_limit=9)


def test_section_in_a_section_is_too(home: Path) -> None:
    write(home, "[management.admin]\nmax_body_bytes = 7\n")
    loaded = settings.load({"home": home}, {"CLIPPER_MANAGEMENT_SUPERVISION_SWEEP_S": "2.5"})
    assert loaded.management.admin.max_body_bytes == 7
    assert loaded.management.supervision.sweep_s == 2.5
    write(home, "[management.admin]\nmax_body_byte = 7\n")
    assert "nearest known one is 'management.admin.max_body_bytes'" in refusal(home)
    write(home, "[management]\nadmin = 3\n")
    assert "expected a table [management.admin]" in refusal(home)


def test_home_comes_from_the_environment(home: Path) -> None:
    write(home, "frontends = 3\n")
    loaded = settings.load({}, {"CLIPPER_HOME": str(home)})
    assert (loaded.home, loaded.frontends) == (home, 3)


def test_default_home_is_the_variable_or_the_users(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("CLIPPER_HOME", str(home))
    assert settings.default_home() == home
    monkeypatch.delenv("CLIPPER_HOME")
    assert settings.default_home() == Path.home() / ".clipper"


def test_relative_home_is_made_absolute() -> None:
    assert settings.load({"home": "somewhere"}, {}).home == Path.cwd() / "somewhere"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qury_port = 1", "Unknown setting 'qury_port'"),
        ("qury_port = 1", "nearest known one is 'query_port'"),
        ("[sotre]\ngroup_limit = 1", "nearest known one is 'store'"),
        ("[store]\ngroup_limt = 1", "nearest known one is 'store.group_limit'"),
        ("store = 3", "expected a table [store]"),
        ("home = '/x'", "use --home or CLIPPER_HOME"),
        ("query_port = 'x'", "Invalid setting 'query_port'"),
        ("query_port = '1337'", "got '1337'"),
        ("query_port = 65536", "Invalid setting 'query_port'"),
        ("frontends = 0", "Invalid setting 'frontends'"),
        ("admin_auth = 'nobody'", "Invalid setting 'admin_auth'"),
        ("batching = 'fixed'", "Invalid setting 'batching'"),
        ("store.group_limit = true", "Invalid setting 'store.group_limit'"),
        ("query_port =", "not valid TOML"),
    ],
)
def test_file_error_names_the_setting_and_the_file(home: Path, text: str, expected: str) -> None:
    write(home, text)
    message = refusal(home)
    assert expected in message
    assert str(home / "clipper.toml") in message


def test_file_that_is_not_utf8_is_refused(home: Path) -> None:
    (home / "clipper.toml").write_bytes(b"host = '\xff'")
    assert "not valid TOML" in refusal(home)


def test_file_that_cannot_be_read_is_refused(home: Path) -> None:
    (home / "clipper.toml").mkdir()
    assert "Cannot read" in refusal(home)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CLIPPER_QUERY_PROT": "1"}, "nearest known one is 'CLIPPER_QUERY_PORT'"),
        ({"CLIPPER_FRONTENDS": "two"}, "Invalid setting 'frontends' (CLIPPER_FRONTENDS)"),
        ({"CLIPPER_STORE_GROUP_LIMIT": "1.5"}, "Invalid setting 'store.group_limit' (CLIPPER_STORE_GROUP_LIMIT)"),
    ],
)
def test_environment_error_names_the_variable(home: Path, environment: dict[str, str], expected: str) -> None:
    assert expected in refusal(home, environment)


def test_variables_that_are_not_ours_to_read_are_left_alone(home: Path) -> None:
    environment = {"PATH": "/bin", "CLIPPER_CONTAINER_TOKEN": "x", "CLIPPER_FRONTENDS": ""}
    assert settings.load({"home": home}, environment) == ServeSettings(home=home)


def test_unknown_flag_is_refused(home: Path) -> None:
    assert "'frontend'" in refusal(home, frontend=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_no_authentication_is_possible_on_loopback(home: Path, host: str) -> None:
    assert settings.load({"home": home, "host": host, "admin_auth": "none"}, {}).admin_auth == "none"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_no_authentication_is_refused_elsewhere(home: Path, host: str) -> None:
    assert "Use admin_auth 'token', or host 127.0.0.1" in refusal(home, host=host, admin_auth="none")


def test_explain_says_where_each_value_comes_from(home: Path) -> None:
    write(home, "frontends = 2\n")
    explained = settings.explain({"home": home, "admin_port": 0}, {"CLIPPER_QUERY_PORT": "5"})
    sources = {each.name: (each.value, each.source) for each in explained}
    assert sources["frontends"] == (2, str(home / "clipper.toml"))
    assert sources["admin_port"] == (0, "flag")
    assert sources["query_port"] == (5, "CLIPPER_QUERY_PORT")
    assert sources["store.group_limit"] == (StoreConfig().group_limit, "default")
    assert sources["home"] == (home, "flag")


def test_every_setting_is_documented() -> None:
    for each in fields(ServeSettings):
        assert f"        {each.name}:" in (ServeSettings.__doc__ or "")


@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(1, 64))
def test_environment_and_flags_read_alike(query_port: int, admin_port: int, frontends: int) -> None:
    values = {"query_port": query_port, "admin_port": admin_port, "frontends": frontends}
    home = Path("/nowhere")
    environment = {f"CLIPPER_{name.upper()}": str(value) for name, value in values.items()}
    assert settings.load({"home": home}, environment) == settings.load({"home": home, **values}, {})


@given(st.text(min_size=1, max_size=30))
def test_any_unknown_variable_is_named(name: str) -> None:
    known = {each.name for each in settings.explain({"home": "/nowhere"}, {})}
    if name.lower().replace("_", ".", 1) not in known and name.lower() not in known:
        variable = f"CLIPPER_{name}"
        with pytest.raises(ClipperError) as caught:
            settings.load({"home": "/nowhere"}, {variable: "1"})
        assert repr(variable) in caught.value.message
