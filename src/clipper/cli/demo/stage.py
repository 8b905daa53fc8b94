"""What all parts of the demo's story work with: the client, the load, and a screen that is kept fresh."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

from clipper.cli.demo.digits import Digits
from clipper.cli.demo.load import Load, Pace, Tally, Target
from clipper.cli.demo.screen import Screen
from clipper.client import Clipper
from clipper.core.clock import monotonic

SLO_S = 0.020
DEFAULT_OUTPUT = "-1"

LOOK_EVERY_S = 0.2

T = TypeVar("T")


class BrokenPromise(Exception):
    """Something that Clipper promises did not hold; the message says what."""


class Stage:
    """A server with its client, trained models, and who is being asked.

    Attributes:
        total: all queries so far.
        work: threads for what is waited for.
    """

    def __init__(self, clipper: Clipper, screen: Screen, digits: Digits, models: dict[str, Any]) -> None:
        self.clipper = clipper
        self.screen = screen
        self.digits = digits
        self.models = models
        self.total = Tally()
        self.work = ThreadPoolExecutor(4, thread_name_prefix="operator")
        self._loads = 0

    def close(self) -> None:
        """Nothing is done any longer."""
        self.work.shutdown()
        self.clipper.close()

    def target(self, application: str) -> Target:
        """Where its queries go."""
        address = urlsplit(f"//{self.clipper.get_query_addr()}")
        return Target(address.hostname or "", address.port or 0, application)

    @contextmanager
    def load(
        self, application: str, pace: Pace, examples: Iterator[tuple[list[int], int]] | None = None
    ) -> Iterator[Load]:
        """Queries while the block runs; at its end every one of them must have been answered."""
        self._loads += 1
        load = Load(self.target(application), examples or self.digits.again_and_fresh(seed=self._loads), pace)
        load.start()
        try:
            yield load
        finally:
            tally = load.stop()
        self.total.add(tally)
        if tally.unanswered or tally.failed:
            raise BrokenPromise(
                f"{tally.unanswered} of {tally.sent} queries got no answer, {tally.failed} got an error"
            )

    def follow(self, work: Callable[[], T], look: Callable[[], None]) -> T:
        """The result of `work`; meanwhile `look` keeps the numbers on the screen fresh."""
        working = self.work.submit(work)
        while not working.done():
            look()
            sleep(LOOK_EVERY_S)
        look()
        return working.result()


def until(condition: Callable[[], bool], timeout_s: float = float("inf")) -> None:
    """Wait for it, but no longer."""
    deadline = monotonic() + timeout_s
    while not condition() and monotonic() < deadline:
        sleep(LOOK_EVERY_S / 4)
