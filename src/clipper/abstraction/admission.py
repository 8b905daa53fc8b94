"""Whether a query that arrives can still be answered in time, from numbers that are renewed at most once per batch."""

from collections.abc import Iterable
from math import inf
from typing import Final, Protocol

UNLIMITED: Final = 1 << 60

PATIENCE_SHARE: Final = 0.9
"""Of an objective that is left for the model at least; who answers keeps the rest for itself."""

SHORT_SHARE: Final = 0.5
"""Of an objective: where answers come that soon there is no load to speak of."""


class Worker(Protocol):
    """One replica, as far as what waits for it is concerned.

    Attributes:
        batch_s: what its batches take at present.
    """

    batch_s: float

    @property
    def serving(self) -> bool:
        """Whether it takes batches."""

    @property
    def ready_at(self) -> float:
        """When it will have answered what it has."""

    def plan(self) -> tuple[int, float]:
        """How large its batches become if enough is waiting, and what such a batch takes; 0 while unknown."""


class Admission:
    """Predicts the end of the batch that a query would be in: batches ahead of it, and its own.

    Attributes:
        short: so many may wait, and answers still come soon; past it one has to look closer.
        places: so many may wait whatever their deadlines; only past it one has to look closer. One, whenever a batch
            has been sent or has come back, until somebody looks.
    """

    def __init__(self) -> None:
        self.places = 1
        self.short = 1
        self._stale = True
        self._start_s = -inf
        self._round_size = 1
        self._round_s = 0.0
        self._batch_s = 0.0

    def forget(self) -> None:
        """What was reckoned holds no longer."""
        self.places = 1  # one is always let in, or a model that was slow once were never tried again
        self.short = 1
        self._stale = True

    def is_hopeless(self, ahead: int, deadline: float) -> bool:
        """Whether a query with `ahead` others before it would be answered past its deadline."""
        return ahead >= self.places and self.expected_at(ahead) > deadline

    def expected_at(self, ahead: int) -> float:
        """When a query with `ahead` others before it is answered; -inf while nobody knows, inf while nobody would."""
        rounds, before = divmod(ahead, self._round_size)
        own_s = self._round_s if rounds else max(self._batch_s, before / self._round_size * self._round_s)
        return self._start_s + rounds * self._round_s + own_s

    def reckon(self, workers: Iterable[Worker], now: float, objective_s: float) -> None:
        """Renew the numbers, unless they hold."""
        if not self._stale:
            return
        self._stale = False
        count = 0
        sizes = 0
        rate = 0.0
        start_s = inf
        batch_s = 0.0
        for worker in workers:
            if not worker.serving:
                continue
            plan_size, plan_s = worker.plan()
            if plan_s <= 0.0:
                self.places = self.short = UNLIMITED  # one that has not shown yet what it can do
                self._start_s = -inf
                return
            count += 1
            sizes += plan_size
            rate += plan_size / plan_s
            start_s = min(start_s, worker.ready_at)
            batch_s = max(batch_s, worker.batch_s)
        if not count:
            self.places = self.short = UNLIMITED  # until one is there again, deadlines decide
            self._start_s = inf
            self._stale = True  # nothing will tell when one is
            return
        self._round_size = max(1, sizes // count)
        self._round_s = self._round_size / rate
        start_s = max(now, start_s)
        self._start_s = start_s
        self._batch_s = batch_s
        left_s = now + PATIENCE_SHARE * objective_s - start_s - max(batch_s, self._round_s)
        rounds = int(min(left_s / self._round_s, 1e6)) + 1 if left_s > 0 else 0
        self.places = max(1, rounds * self._round_size)
        soon_s = left_s - (PATIENCE_SHARE - SHORT_SHARE) * objective_s
        self.short = (int(min(soon_s / self._round_s, 1e6)) + 1) * self._round_size if soon_s > 0 else 0
