"""Prefixes as ranges of keys."""

import pytest

from clipper.store.redis.scripts import bounds


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"", (b"-", b"+")),
        (b"a/", (b"[a/", b"(a0")),
        (b"a\xff", (b"[a\xff", b"(b")),
        (b"\xff\xff", (b"[\xff\xff", b"+")),
    ],
)
def test_prefix_is_a_range_of_keys(prefix: bytes, expected: tuple[bytes, bytes]) -> None:
    assert bounds(prefix) == expected
