"""A real server on free ports, and what is left of one."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from clipper.client import Clipper, connect
from clipper.client.addresses import server_file

DEADLINE_S = 60.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds, or fail."""
    deadline = monotonic() + DEADLINE_S
    while not condition():
        assert monotonic() < deadline, f"{what} took more than {DEADLINE_S:g} s"
        sleep(0.02)


def processes_of(home: Path) -> list[str]:
    """The command lines of the processes that work on a home folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(str(home) in word for word in words):
                found.append(" ".join(words))
    return found


def start_server(home: Path) -> "subprocess.Popen[bytes]":
    """`clipper serve` on a home folder, ready."""
    flags = ["--home", str(home), "--query-port", "0", "--admin-port", "0"]
    server = subprocess.Popen([sys.executable, "-m", "clipper", "serve", *flags], stdout=subprocess.DEVNULL)
    wait_for(lambda: server_file(home).exists() or server.poll() is not None, "starting a server")
    assert server.poll() is None, "the server ended instead of starting"
    return server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home folder of a running server, shared by a module's tests."""
    home = tmp_path_factory.mktemp("home")
    server = start_server(home)
    yield home
    server.terminate()
    assert server.wait(DEADLINE_S) == 0
    assert processes_of(home) == []


@pytest.fixture
def clipper(home: Path) -> Iterator[Clipper]:
    with connect(home) as client:
        yield client
