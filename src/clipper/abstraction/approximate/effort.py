"""How much is worth looking for: every input while that pays or may soon, else one now and then."""

MIN_SHARE = 0.1
"""Of lookups that find an answer, for them to pay: one takes less than 100 µs, many models ten times that."""

JUDGED = 1000
"""Lookups after which it is judged whether they pay."""

MAX_UNPAID = 4000
"""Lookups that may go on promising without paying: less than half a second in all."""

PROBES = 256
"""Lookups before a judgement while only one input in `period` is looked up."""

FIRST_PERIOD = 16
MAX_PERIOD = 512
"""The longest: a lookup's 100 µs are 0.2 µs for each input then."""


class Effort:
    """Says which inputs are to be looked up.

    Attributes:
        period: one in so many.
    """

    def __init__(self) -> None:
        self.period = 1
        self._passed = 0
        self._lookups = 0
        self._hits = 0
        self._unpaid = 0

    def is_due(self) -> bool:
        """Whether this input is to be looked up."""
        self._passed += 1
        if self._passed < self.period:
            return False
        self._passed = 0
        return True

    def note(self, hit: bool, promising: bool) -> None:
        """A lookup has found an answer, or not; `promising`: what was learned so far lets expect that others will."""
        self._lookups += 1
        self._hits += hit
        if self._lookups >= (JUDGED if self.period == 1 else PROBES):
            self._judge(promising)

    def restart(self) -> None:
        """Only now there is something to find: look everything up again."""
        self.period = 1
        self._lookups = self._hits = self._unpaid = 0

    def _judge(self, promising: bool) -> None:
        if self._hits >= MIN_SHARE * self._lookups:
            self.restart()
            return
        self._unpaid += self._lookups
        self._lookups = self._hits = 0
        if self.period > 1:
            self.period = min(MAX_PERIOD, self.period * 2)
        elif not promising or self._unpaid >= MAX_UNPAID:
            self.period = FIRST_PERIOD
