"""Time as the layers see it: handed in, so that tests can hold it.

`time.monotonic` and not the event loop's clock: uvloop's has a resolution of one millisecond.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds since some fixed moment, never backwards."""

monotonic: Clock = time.monotonic


def wall() -> float:
    """Seconds since 1970: for what is to be understood after a restart, or by another process. It may be set back."""
    return datetime.now(UTC).timestamp()
