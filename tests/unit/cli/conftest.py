"""The `clipper` command against fakes of both planes, found through a home folder as real ones are."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner, Result

from clipper.cli.main import app
from tests.unit.client.fake import FakePlane, running_plane

Run: TypeAlias = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder on which no server runs yet; the commands find it by themselves."""
    monkeypatch.setenv("CLIPPER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def admin(home: Path) -> Iterator[FakePlane]:
    with running_plane() as plane:
        yield plane


@pytest.fixture
def query(home: Path, admin: FakePlane) -> Iterator[FakePlane]:
    """The query frontend; with it the home folder says that a server runs."""
    with running_plane() as plane:
        ports = [int(each.url.rpartition(":")[2]) for each in (plane, admin)]
        server = {"pid": os.getpid(), "host": "127.0.0.1", "query_port": ports[0], "admin_port": ports[1]}
        (home / "run").mkdir(parents=True)
        (home / "run" / "server.json").write_text(json.dumps(server), encoding="utf-8")
        (home / "token").write_text("secret\n", encoding="ascii")
        yield plane


@pytest.fixture
def run(home: Path) -> Run:
    """Run `clipper` with these arguments."""

    def run(*arguments: object, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin, catch_exceptions=False)

    return run
