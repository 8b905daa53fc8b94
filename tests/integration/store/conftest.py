"""Starts the processes of `children.py` and leaves none behind."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

StartChild = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_child() -> Iterator[StartChild]:
    started: list[subprocess.Popen[str]] = []

    def start(name: str, store: Path | str, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.integration.store.children", name, str(store), *arguments]
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        started.append(child)
        return child

    yield start
    for child in started:
        with child:  # closes its pipes and waits
            child.kill()
