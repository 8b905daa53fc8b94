"""Fakes of the two planes and clients of them."""

from collections.abc import Iterator

import pytest

from clipper.client import Clipper, connect
from tests.unit.client.fake import FakePlane, running_plane


@pytest.fixture
def admin() -> Iterator[FakePlane]:
    with running_plane() as plane:
        yield plane


@pytest.fixture
def query() -> Iterator[FakePlane]:
    with running_plane() as plane:
        yield plane


@pytest.fixture
def clipper(admin: FakePlane, query: FakePlane) -> Iterator[Clipper]:
    with connect(admin_url=admin.url, query_url=query.url, token="secret") as client:
        yield client
