"""Who may change something, and how the token is kept."""

import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.admin.auth import Guard, load_or_create_token, require_loopback

TOKEN = "a" * 64


def refusal(guard: Guard, headers: dict[str, str]) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        guard.check(headers)
    return caught.value


@pytest.fixture
def guard() -> Guard:
    return Guard(TOKEN, Path("/home/x/token"))


@contextmanager
def bound(host: str, family: socket.AddressFamily = socket.AF_INET) -> Iterator[socket.socket]:
    with socket.socket(family) as each:
        each.bind((host, 0))
        yield each


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_right_token_is_let_in(guard: Guard, scheme: str) -> None:
    guard.check({"authorization": f"{scheme} {TOKEN}"})


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN])
def test_missing_token_is_told_where_it_is(guard: Guard, header: str | None) -> None:
    error = refusal(guard, {} if header is None else {"authorization": header})
    assert error.code is ErrorCode.UNAUTHENTICATED
    assert "/home/x/token" in error.message


@pytest.mark.parametrize("token", ["b" * 64, TOKEN[:-1], TOKEN + "a", "é" * 64])
def test_wrong_token_is_refused_without_being_repeated(guard: Guard, token: str) -> None:
    error = refusal(guard, {"authorization": f"Bearer {token}"})
    assert error.code is ErrorCode.PERMISSION_DENIED
    assert token not in error.message
    assert TOKEN not in error.message


def test_without_authentication_everybody_but_a_web_page_is_let_in() -> None:
    guard = Guard(None, Path("token"))
    guard.check({})
    assert refusal(guard, {"origin": "http://evil.example"}).code is ErrorCode.PERMISSION_DENIED


def test_token_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_or_create_token(path)
    assert len(token) == 64
    assert load_or_create_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_tokens_differ(tmp_path: Path) -> None:
    assert load_or_create_token(tmp_path / "a") != load_or_create_token(tmp_path / "b")


def test_readable_token_file_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    assert load_or_create_token(path) == TOKEN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_empty_token_file_is_an_error_and_not_an_open_door(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    with pytest.raises(ClipperError, match="delete it"):
        load_or_create_token(path)


def test_loopback_sockets_may_do_without_authentication() -> None:
    with bound("127.0.0.1") as one, bound("127.0.0.2") as other:
        require_loopback([one, other])


def test_other_sockets_may_not() -> None:
    with bound("0.0.0.0") as everywhere, pytest.raises(ClipperError, match=r"on 0\.0\.0\.0"):
        require_loopback([everywhere])
