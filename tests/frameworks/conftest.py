"""One server for all frameworks, and a bench for the models of each."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clipper.client import Clipper, connect
from tests.e2e.operators.conftest import DEADLINE_S, start_server
from tests.frameworks import environments
from tests.frameworks.bench import Bench


@pytest.fixture(scope="session")
def home() -> Path:
    return environments.home()


@pytest.fixture(scope="session")
def clipper(home: Path) -> Iterator[Clipper]:
    server = start_server(home)
    with connect(home) as client:
        yield client
    server.terminate()
    assert server.wait(DEADLINE_S) == 0


@pytest.fixture(scope="session")
def bench_of(clipper: Clipper, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bench]:
    """The bench of a framework, once its own program has made its models there, in its environment or another's."""

    def made(framework: str, environment: str = "") -> Bench:
        python = environments.python_for(environment or framework, home)
        bench = Bench(framework, clipper, tmp_path_factory.mktemp(framework))
        environments.run_own(python, framework, bench.folder, home)
        return bench

    return made


@pytest.fixture(scope="module")
def answers(bench: Bench) -> dict[str, Any]:
    """What the framework itself says of its bench's texts."""
    found: dict[str, Any] = json.loads((bench.folder / "texts.json").read_text())
    return found
