"""What every test gets: a check that it leaves nothing behind, and that it tests what is in the tree."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.redis_server import RedisServer

THREAD_GRACE_S = 2.0
"""A thread told to stop may still be on its way out when the test returns."""


def child_processes() -> set[str]:
    """Ids of the processes this one has started and not yet waited for, zombies included."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended since: its children are listed under another
            found.update((task / "children").read_text().split())
    return found


def pytest_configure() -> None:
    """Refuse to test compiled modules that are older than their source.

    A shell that runs the tests in the background has them ignore SIGINT, and so would all they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    package = Path(__file__).parents[1] / "src" / "clipper"
    for module in package.rglob("*.so"):
        source = module.with_name(module.name.partition(".")[0] + ".py")
        if source.exists() and source.stat().st_mtime > module.stat().st_mtime:
            raise pytest.UsageError(f"{source.name} has changed since it was compiled: `make setup` compiles it again")


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail the test that leaves a thread or a child process (an unclosed socket or file warns, and warnings fail)."""
    threads, children = set(threading.enumerate()), child_processes()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(THREAD_GRACE_S)
    left = [thread.name for thread in set(threading.enumerate()) - threads]
    left += [f"process {pid}: {command_line(pid)}" for pid in child_processes() - children]
    assert not left, f"the test left behind: {left}"


def command_line(pid: str) -> str:
    """The command of a process, or a note that it has ended and waits to be reaped."""
    try:
        words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "gone"
    return os.fsdecode(b" ".join(words)).strip() or "ended, not waited for"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One for all who do not mistreat it; each has databases of its own in it."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """One of the test's own, to be stopped, paused and killed."""
    with RedisServer() as server:
        yield server
