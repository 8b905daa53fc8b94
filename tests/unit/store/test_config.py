"""Where selection states are kept: what is a URL, and what of it people may see."""

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.store.config import StoreConfig, shown


@pytest.mark.parametrize(
    "url",
    ["redis://host", "redis://host:6379/2", "rediss://user:pass@host/0", "redis://[::1]:1/0", "unix:///run/r?db=3"],
)
def test_redis_is_named_by_url(url: str) -> None:
    assert StoreConfig(url=url).url == url


@pytest.mark.parametrize("url", ["host:6379", "http://host/0", "redis://host:x/0", "redis://host:6379/first"])
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ClipperError, match="redis://host:6379/0") as caught:
        StoreConfig(url=url)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_time_out_is_positive() -> None:
    with pytest.raises(ClipperError, match="more than 0"):
        StoreConfig(timeout_s=0.0)


def test_password_is_not_shown() -> None:
    assert shown("redis://:secret@host:1/0") == "redis://:***@host:1/0"
    assert shown("redis://user@host/0") == "redis://user@host/0"
