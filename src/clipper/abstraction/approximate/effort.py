"""How much is worth looking for: every input while that pays, else what takes a small share of the work."""

UNPAID_SHARE = 0.03
"""Of what the model takes for the inputs that come, for lookups that do not pay yet: to learn whether they will."""

HOPELESS_SHARE = 1 / 4096
"""Lookups for each input while the model is faster than a lookup, so that none could pay: a tenth of a microsecond, not
to forget what was learned, should the model become slower."""

UNPAID_BURST = 100
"""Lookups to begin with, unless they are hopeless."""

JUDGED = 64
"""Lookups after which it is judged whether they pay."""


class Effort:
    """Says which inputs are to be looked up.

    Attributes:
        skip: so many inputs are to pass before one is looked up; who lets one pass counts it down.
        cost_s: of one lookup, in seconds.
        call_s: what it saves if it finds an answer: what the model takes for one input, in seconds; 0 while unknown.
        pays: whether, of late, lookups have saved more than they cost.
    """

    def __init__(self) -> None:
        self.skip = 0
        self.cost_s = 0.0002
        self.call_s = 0.0
        self.pays = False
        self._burst = UNPAID_BURST
        self._lookups = 0
        self._hits = 0

    def note(self, hit: bool) -> None:
        """A lookup has found an answer, or not."""
        self._lookups += 1
        self._hits += int(hit)
        if self._lookups >= JUDGED:
            self.pays = self._hits * self.call_s > self._lookups * self.cost_s
            self._lookups = self._hits = 0
        if 0.0 < self.call_s <= self.cost_s:
            self.skip = int(1 / HOPELESS_SHARE)
        elif self._burst:
            self._burst -= 1
        elif not self.pays:
            self.skip = int(1 / (HOPELESS_SHARE + UNPAID_SHARE * (self.call_s / self.cost_s or 1.0)))

    def learn(self, call_s: float) -> None:
        """A batch took the model so long for each of its inputs."""
        self.call_s += (call_s - self.call_s) * (0.1 if self.call_s else 1.0)
