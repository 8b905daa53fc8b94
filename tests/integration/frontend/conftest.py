from collections.abc import Iterator

import pytest

from clipper.frontend.config import FrontendConfig
from tests.integration.frontend.client import Client
from tests.integration.frontend.stage import Stage

QUICK = FrontendConfig(
    max_head_bytes=4096,
    max_body_bytes=1 << 20,
    max_connections=3000,
    head_timeout_s=0.5,
    body_timeout_s=1.0,
    drain_s=3.0,
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A frontend process with short time-outs, shared by a module's tests; it must complain of nothing."""
    with Stage(tmp_path_factory.mktemp("h"), QUICK) as stage:
        yield stage


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two frontends on one port."""
    with Stage(tmp_path_factory.mktemp("h"), frontends=2) as stage:
        yield stage


@pytest.fixture
def client(stage: Stage) -> Iterator[Client]:
    with stage.client() as client:
        yield client
