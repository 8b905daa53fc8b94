"""A server is found through its home folder, or it is said what to start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clipper.client import ClipperError, connect
from clipper.client.addresses import find, server_file, url
from clipper.core.errors import ErrorCode


def write_server(home: Path, **changes: object) -> None:
    fields = {"pid": os.getpid(), "host": "127.0.0.1", "query_port": 1, "admin_port": 2, "frontends": [3]}
    path = server_file(home)
    path.parent.mkdir()
    path.write_text(json.dumps(fields | changes), encoding="utf-8")


def refusal(home: Path) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        connect(home)
    return caught.value


def test_running_server_is_found(tmp_path: Path) -> None:
    write_server(tmp_path)
    (tmp_path / "token").write_text("abc\n", encoding="ascii")
    found = find(tmp_path)
    assert (found.query_url, found.admin_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert (found.token, found.home, found.pid) == ("abc", tmp_path, os.getpid())
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("::1", "http://[::1]:1"),
        ("10.0.0.7", "http://10.0.0.7:1"),
    ],
)
def test_address_can_be_dialled(tmp_path: Path, host: str, expected: str) -> None:
    write_server(tmp_path, host=host)
    assert find(tmp_path).query_url == expected


def test_nothing_started_says_what_to_start(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.code is ErrorCode.UNAVAILABLE
    assert f"`clipper serve --home {tmp_path}`" in error.message


def test_home_that_is_a_file_says_what_to_start(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    assert "No Clipper is running" in refusal(tmp_path / "home").message


def test_server_that_has_ended_is_not_running(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_server(tmp_path, pid=ended.pid)
    assert f"its process {ended.pid} has ended" in refusal(tmp_path).message


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"pid": "x"}', "\x00"])
def test_file_that_no_server_wrote_is_named(tmp_path: Path, text: str) -> None:
    server_file(tmp_path).parent.mkdir()
    server_file(tmp_path).write_text(text, encoding="utf-8")
    error = refusal(tmp_path)
    assert error.code is ErrorCode.PROTOCOL
    assert str(server_file(tmp_path)) in error.message


def test_default_home_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPPER_HOME", str(tmp_path))
    with pytest.raises(ClipperError, match="No Clipper is running"):
        connect()


def test_token_of_a_folder_is_not_sent_to_an_address_the_caller_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPER_HOME", str(tmp_path))
    (tmp_path / "token").write_text("abc", encoding="ascii")
    with connect(admin_url="http://127.0.0.1:1") as client:
        assert "Authorization" not in client._admin._headers
    with connect(tmp_path, admin_url="http://127.0.0.1:1") as client:
        assert client._admin._headers["Authorization"] == "Bearer abc"


def test_url_puts_ipv6_in_brackets() -> None:
    assert url("::1", 5) == "http://[::1]:5"
