"""One server for the models of all light frameworks; each deployed model has an application of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clipper.client import Clipper, connect
from clipper.client.queries import Prediction
from tests.e2e.operators.conftest import DEADLINE_S, start_server

SLO_US = 20_000_000
"""Answers are compared here, not timed."""

AT_ONCE = 250

Ask = Callable[[str, Any], list[Prediction]]
Deploy = Callable[..., None]


@pytest.fixture(scope="package")
def clipper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clipper]:
    home: Path = tmp_path_factory.mktemp("home")
    server = start_server(home)
    with connect(home) as client:
        yield client
    server.terminate()
    assert server.wait(DEADLINE_S) == 0


@pytest.fixture
def deploy(clipper: Clipper) -> Iterator[Deploy]:
    """Deploys a model under a name, with an application of that name, until the test ends."""
    names = []

    def deployed(name: str, model: object, **options: Any) -> None:
        clipper.deploy_model(name, 1, model, **options)
        info = clipper.get_model_info(name, 1)
        assert info is not None
        clipper.register_application(name, info["input_type"], '"none"', SLO_US)
        clipper.link_model_to_app(name, name)
        names.append(name)

    yield deployed
    for name in names:
        clipper.delete_application(name)
        clipper.delete_model(name)


@pytest.fixture
def ask(clipper: Clipper) -> Ask:
    """What an application answers over HTTP."""

    def asked(name: str, inputs: Any) -> list[Prediction]:
        application = clipper.application(name)
        return [
            each
            for start in range(0, len(inputs), AT_ONCE)
            for each in application.predict_batch(inputs[start : start + AT_ONCE])
        ]

    return asked
